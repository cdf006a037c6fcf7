import type { CommandRule } from "../rule.ts";

/** Commands that look at networks, change them, or speak over them. */
export const NETWORK_RULES: readonly CommandRule[] = [
  {
    names: "curl",
    tier: "read",
    special: "curl",
    values:
      "-X --request -d --data --data-raw --data-binary --data-urlencode --data-ascii --json -F --form --form-string -T --upload-file -H --header -u --user -A --user-agent -e --referer -b --cookie -m --max-time --connect-timeout --retry --retry-delay --retry-max-time --url -w --write-out -x --proxy -U --proxy-user -r --range -E --cert --key --cacert --capath --cert-type --key-type --pass --resolve --interface --local-port --limit-rate -y -Y -z --time-cond --max-redirs --ciphers --tls-max --tlsv1 --dns-servers --noproxy --socks5 --socks5-hostname --socks4 -C --continue-at --oauth2-bearer --aws-sigv4 --max-filesize --create-file-mode --connect-to --request-target --variable --expand-data --url-query --unix-socket --abstract-unix-socket --doh-url --proto --proto-default --rate --keepalive-time --proxy-header --output-dir -P --ftp-port -Q --quote",
    flags:
      "-s -S -f -L -i -I -k -v -g -G -O -J -N -n -4 -6 -a -R -q -# --silent --show-error --fail --location --include --head --insecure --verbose --compressed --get --globoff",
    outputs:
      "-o --output -D --dump-header -c --cookie-jar --trace --trace-ascii --stderr --etag-save --libcurl --hsts --alt-svc",
    write: "--mail-rcpt --mail-from --ftp-create-dirs",
    danger:
      "-K --config --engine --unix-socket --abstract-unix-socket -P --ftp-port --remove-on-error --proto-redir --preproxy",
  },
  {
    names: "wget wget2",
    tier: "read",
    special: "curl",
    values:
      "-U --user-agent --header --method --post-data --post-file --body-data --body-file -t --tries -T --timeout -w --wait -Q --quota -l --level -A -R -D -P --directory-prefix --user --password -e --execute -i --input-file --referer --ca-certificate --limit-rate --http-user --http-password",
    outputs: "-O --output-document -o --output-file -a --append-output --save-cookies",
    danger: "-e --execute --use-askpass --config --delete-after",
    flags: "-q -c -N -r -S -v -nv -np --quiet --continue --no-check-certificate --spider",
  },
  {
    names: "http https xh xhs httpie",
    tier: "write",
    outputs: "-o --output",
    verbs: { read: "GET, HEAD, OPTIONS", write: "POST, PUT, PATCH", danger: "DELETE, PURGE" },
  },
  {
    names: "aria2c axel lftp ftp ncftp youtube-dl yt-dlp gallery-dl httrack",
    tier: "write",
    danger: "-e -c --exec --on-download-complete --on-bt-download-complete --on-download-start --netrc-cmd",
  },
  {
    names:
      "ping ping6 fping hping3 arping traceroute traceroute6 tracepath mtr dig host nslookup drill kdig delv whois getent ss netstat iftop nethogs iptraf vnstat bmon speedtest speedtest-cli nload ipcalc sipcalc subnetcalc geoiplookup dog doggo httpstat httping tcptraceroute mii-tool iwlist iwgetid dnstracer showmount finger who last lastlog lastb",
    tier: "read",
    danger: "-K --kill -D --flush",
  },
  {
    names:
      "nmap masscan zmap nikto sqlmap gobuster ffuf hydra john hashcat aircrack-ng ettercap msfconsole msfvenom responder wfuzz dirb",
    tier: "danger",
    read: "--version -V --help -h",
  },
  { names: "nc ncat netcat socat", tier: "danger", read: "-h --help -V --version" },
  {
    names: "tcpdump tshark wireshark dumpcap ngrep",
    tier: "read",
    outputs: "-w -F",
    code: "-z",
    danger: "-Z",
    values: "-i -c -s -r -f -Y -T -e -W -C -G",
  },
  {
    names: "ip",
    tier: "read",
    flags: "-4 -6 -s -j -p -d -o -br -brief -c -color -json -details -stats -a -r",
    style: "words",
    values: "-n -netns",
    danger: "-b -batch -force",
    verbs: {
      read: "* show, * list, * ls, * get, * lst, netns identify, netns pids, netns list, netns monitor, route get, neigh show, monitor, * help, help",
      write: "* add, * set, * change, * replace, * append, netns add, * save, * restore, * prepend",
      danger: "* del, * delete, * flush, netns exec, vrf exec, link set, netns, route add, route replace, route change",
    },
  },
  {
    names: "ifconfig",
    tier: "read",
    style: "words",
    write: "-promisc -allmulti -arp -multicast -dynamic -trailers -alias -link0",
    flags: "-a -l -u -d -s -v -m -L -r",
    verbs: {
      write:
        "* up, * down, * inet, * netmask, * mtu, * add, * alias, * ether, * lladdr, * create, * broadcast, * promisc, * media, * 1*, * 2*, * 3*, * 4*, * 5*, * 6*, * 7*, * 8*, * 9*, * -alias, * -arp, * arp, * tunnel, * hw",
      danger: "* delete, * destroy, * remove",
    },
  },
  {
    names: "route",
    tier: "read",
    verbs: { read: "get, -n get, show, print", danger: "add, del, delete, flush, change" },
  },
  { names: "arp", tier: "read", danger: "-d -s -f -D", flags: "-a -n -e -v" },
  {
    names:
      "iwconfig iw ethtool nmcli bluetoothctl rfkill wpa_cli wg wg-quick tc brctl bridge ovs-vsctl ovs-ofctl resolvectl networkctl hostnamectl timedatectl localectl loginctl",
    tier: "write",
    flags: "-t -p",
    values: "-f -g",
    verbs: {
      read: "dev, list, show, status, query, statistics, dev status, device status, dev list, con show, connection show, c show, dev show, device show, device, general status, g, radio, general, list-sessions, list-users, session-status, user-status, show-user, show-session, list-timezones, show-timesync, timesync-status, list-locales, list-keymaps, qdisc show, class show, filter show, link, link show, fdb show, dns, phy, devices, info, dump-flows, lldp, dev wifi list, dev wifi",
      danger:
        "terminate-session, terminate-user, kill-session, kill-user, kill-session, delete, con delete, connection delete, del-br, set-hostname, flush, reboot, poweroff, qdisc del, qdisc add, block",
    },
  },
  {
    names: "iptables ip6tables ebtables arptables nft ufw firewall-cmd iptables-restore pfctl ipset fail2ban-client",
    tier: "danger",
    read: "-L --list -S --list-rules -h --help --version --state --list-all --list-ports --list-services --get-zones --get-active-zones",
    flags: "-n -v --line-numbers",
    values: "-t --table --zone",
    verbs: { read: "status, list, list ruleset, list tables, list table, show, version, app list" },
  },
  { names: "iptables-save ip6tables-save", tier: "read", outputs: "-f --file" },
  { names: "ssh-keygen", tier: "write", read: "-l -F -B", danger: "-R -D -w", values: "-f -t -b -C -N -P -E -I -n -V" },
  { names: "ssh-copy-id", tier: "danger" },
  { names: "ssh-keyscan ssh-keysign", tier: "read" },
  { names: "ssh-add", tier: "write", read: "-l -L -T", danger: "-D -d -s -e -x" },
  {
    names: "websocat wscat grpcurl evans ab wrk hey vegeta siege k6 locust",
    tier: "write",
    danger: "--exec -e",
    verbs: { read: "list, describe" },
  },
  {
    names: "tailscale zerotier-cli cloudflared ngrok",
    tier: "write",
    verbs: {
      read: "status, ip, netcheck, ping, version, whois, info, listnetworks, listpeers, peers, tunnel list, tunnel info",
      danger: "logout, down, funnel, serve, ssh, tunnel delete, tunnel cleanup, http, tcp, leave, lock",
    },
  },
  { names: "mail mailx sendmail mutt msmtp swaks", tier: "write", danger: "-e -F --exec" },
  {
    names: "dnsmasq named nginx apachectl apache2ctl httpd caddy haproxy",
    tier: "write",
    read: "-t -T -v -V --test --version configtest",
    danger: "-s -g",
    verbs: {
      read: "configtest, status, version, validate, adapt, list-modules, build-info, fmt",
      danger: "stop, graceful-stop",
    },
  },
  {
    names: "certbot acme.sh step mkcert",
    tier: "write",
    read: "--dry-run --version --help",
    danger: "--pre-hook --post-hook --deploy-hook --renew-hook --manual-auth-hook",
    verbs: {
      read: "certificates, plugins, show_account, certificate inspect, certificate verify, --list, --info",
      danger: "delete, revoke, unregister, rollback",
    },
  },
];

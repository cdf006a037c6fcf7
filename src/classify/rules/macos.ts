import type { CommandRule } from "../rule.ts";

/** Commands of macOS. */
export const MACOS_RULES: readonly CommandRule[] = [
  {
    names: "diskutil",
    tier: "danger",
    verbs: {
      read: "list, info, information, activity, listFilesystems, apfs list, apfs listUsers, apfs listSnapshots, apfs listVolumeGroups, cs list, coreStorage list, coreStorage info, apfs listCryptoUsers, appleRAID list, ar list, cs info, listfilesystems, verifyVolume, verifyDisk, verifyPermissions, image info",
      write: "mount, mountDisk, unmount, unmountDisk, eject, rename, enableJournal",
    },
  },
  {
    names: "hdiutil",
    tier: "write",
    verbs: {
      read: "info, imageinfo, isencrypted, verify, checksum, pmap, plugins, help, udifderez, hfsanalyze, internet-enable -query, fsid",
      danger: "erasekeys, burn, chpass, unflatten, udifrez, compact",
    },
  },
  {
    names: "defaults",
    tier: "write",
    flags: "-currentHost -g -globalDomain",
    values: "-host",
    style: "words",
    verbs: { read: "read, read-type, domains, find, help, export", danger: "delete, delete-all" },
  },
  {
    names: "security",
    tier: "danger",
    flags: "-q -v",
    verbs: {
      read: "find-generic-password, find-internet-password, find-certificate, find-identity, find-key, list-keychains, default-keychain, login-keychain, dump-keychain, show-keychain-info, verify-cert, dump-trust-settings, smartcards list, list-smartcards, error, leaks, help, authorizationdb read, translocate-*, get-identity-preference, requirement-evaluate, smartcards",
      write:
        "unlock-keychain, lock-keychain, create-keychain, add-generic-password, add-internet-password, import, export, set-keychain-settings, add-certificates",
    },
  },
  {
    names: "networksetup",
    tier: "danger",
    style: "words",
    read: "-list* -get* -version -help -printcommands -showpppoestatus -ismanagedwifi -isnetworkserviceenabled -listallhardwareports -listallnetworkservices -listnetworkserviceorder -listlocations -listpreferredwirelessnetworks -listpppoeservices -listvlans -listdevicesthatsupportvlan -listvalidmturange -listvalidmedia -listbonds -listbondstatus -getinfo -getmacaddress -getairportnetwork -getairportpower -getdnsservers -getsearchdomains -getwebproxy -getsecurewebproxy -getsocksfirewallproxy -getproxybypassdomains -getautoproxyurl -getproxyautodiscovery -getcurrentlocation -getcomputername -getmtu -getmedia -getadditionalroutes -getv6additionalroutes -getnetworkserviceenabled -getnetworkservicestatus -getftpproxy -getstreamingproxy -getgopherproxy -getpassiveftp -getv4info -getv6info -getpppoestatus -isnetworkbonddevice -islinkstatusup",
  },
  {
    names: "scutil",
    tier: "write",
    read: "--dns --proxy --get --nwi --help -r -w --nc",
    danger: "--set --prefs --renew --user",
  },
  {
    names:
      "systemsetup nvram pmset spctl csrutil bless fdesetup kextload kextunload kextcache kmutil mdmclient tccutil softwareupdate sysadminctl dseditgroup dsimport dsenableplugin pwpolicy profiles firmwarepasswd asr atsutil lsregister airport xcode-select systemkeychain authchanger createhomedir installer pkgutil",
    tier: "danger",
    style: "words",
    flags: "-v --verbose -q -raw -plist -u -a -o",
    values: "-type -user -output --volume --regexp -xpath",
    read: "-g -p -xp -l --list -list --history --status -status -assess --assess status -getremotelogin -gettimezone -version --version -help --help help -volinfo -pkginfo -dominfo -print-path --print-path -show --pkgs --packages --files --only-files --only-dirs --dirs --pkg-info --pkgs-plist --pkg-info-plist --file-info --file-info-plist --group-pkgs --groups --groups-plist --pkg-groups --check-signature --payload-files --export-plist --pkgs-with-file --lsbom --bom --list-full-installs --schedule --product-info -getusingnetworktime -getcomputername -getnetworktimeserver -P -search -getTimeZone -read -readall -liststartupdisks -getstartupdisk",
    danger:
      "-i --install --forget --unlink --edit-pkg --learn -create -delete -append -change -merge -passwd --expand --expand-full --flatten -remove --add --master-disable --master-enable --enable --disable --remove -I -R -c --reset-default --global-disable --global-enable",
    verbs: {
      read: "list, show, status, help, version, /Search -read, -list, authenticated-root status, list-*, -read, -search, isactive, supportsauthrestart, haspersonalrecoverykey, hasinstitutionalrecoverykey, usingrecoverykey, inspect, showloaded, print-diagnostics, validate, * -list, * -read, * -readall, * -search, * -ls, * -cat, * -readpl, * -readpli, * -diff, * read, * list, * search",
    },
  },
  {
    names:
      "mdfind mdls ioreg system_profiler dsmemberutil vm_stat nettop fs_usage sc_usage sample spindump powermetrics latency memory_pressure dns-sd GetFileInfo codesign-info xcodebuild-list dyld_info footprint stringdups malloc_history taskinfo lsappinfo symbols atos kextstat kextfind otool-classic",
    tier: "read",
    outputs: "-o -file -output --output",
    values: "-p -i -s -name -onlyin -f",
    style: "words",
    write: "-symbolsPackageDir",
  },
  {
    names: "log",
    tier: "read",
    verbs: { read: "show, stream, stats, help", write: "collect", danger: "erase, config" },
    values: "--predicate --last --style --process --start --end --level",
  },
  {
    names: "mdutil mdimport",
    tier: "write",
    read: "-s -t -A -X -e -n -L -d1",
    danger: "-E",
    flags: "-d2 -d3 -d4 -a",
    style: "words",
  },
  {
    names: "tmutil",
    tier: "danger",
    verbs: {
      read: "latestbackup, listbackups, destinationinfo, listlocalsnapshots, listlocalsnapshotdates, status, machinedirectory, isexcluded, calculatedrift, uniquesize, compare, verifychecksums, version, help",
      write: "startbackup, snapshot, localsnapshot, addexclusion, enable, removeexclusion",
    },
  },
  {
    names: "codesign",
    tier: "write",
    read: "-d -v --display --verify -h --validate-constraint -dv -dvv -dvvv -dvvvv",
    style: "words",
    danger: "-s --sign --remove-signature -f --force",
    flags: "--deep --strict --verbose -vv -vvv -vvvv --check-notarization",
    values: "-r --entitlements -R --extract-certificates",
  },
  {
    names: "plutil",
    tier: "write",
    style: "words",
    read: "-p -lint -help -type",
    values: "-o -e",
    outputs: "-o",
    flags: "-s -r -n -expect -raw",
  },
  {
    names: "lipo vtool",
    tier: "write",
    style: "words",
    read: "-info -detailed_info -archs -verify_arch -show -show-build -show-space -show-source",
    outputs: "-output -o",
  },
  {
    names: "sips",
    tier: "read",
    style: "words",
    values: "-g --getProperty",
    outputs: "-o --out",
    write:
      "-s --setProperty -d --deleteProperty -e --embedProfile -E -m --matchTo -r --rotate -f --flip -c --cropToHeightWidth -p --padToHeightWidth -z --resampleHeightWidth -Z --resampleHeightWidthMax --resampleWidth --resampleHeight -i --addIcon --deleteTag --copyTag --loadTag --repair -j --js --optimizeColorForSharing --deleteColorManagementProperties --padColor -x --extractProfile -X --extractTag --cropOffset -P --embedProfileIfNone -M",
  },
  { names: "textutil", tier: "write", style: "words", read: "-info -help -stdout", outputs: "-output" },
  {
    names: "say",
    tier: "read",
    outputs: "-o --output-file",
    values: "-v -r -f --voice --rate --input-file -n -a --network-send",
    style: "words",
  },
  { names: "open", tier: "write", read: "-R -h --help" },
  { names: "qlmanage", tier: "read", danger: "-r", outputs: "-o", style: "words", write: "" },
  {
    names:
      "screencapture osacompile SetFile Rez DeRez xcrun xcodebuild swiftc-mac simctl instruments agvtool altool notarytool stapler productbuild pkgbuild productsign iconutil actool ibtool momc",
    tier: "write",
    style: "words",
    read: "-version --version -list -showsdks -showBuildSettings --find -f --show-sdk-path --show-sdk-version -h --help",
    verbs: {
      read: "simctl list, list, what-version, what-marketing-version, vers, mvers, history, info, log, validate, probe, --probe",
      danger: "simctl erase, simctl delete, erase, delete",
    },
  },
  {
    names: "macbinary binhex applesingle",
    tier: "write",
    style: "words",
    verbs: { read: "probe" },
    read: "--probe --help --version -h -V probe",
  },
  { names: "afplay afinfo airport-info ifconfig-mac chflags-info ditto-info", tier: "read" },
  {
    names: "dscl",
    tier: "danger",
    style: "words",
    values: "-u -P -f",
    flags: "-q -raw -plist -url -p",
    read: "-read -readall -readpl -readpli -list -ls -search -diff -cat -help",
    danger:
      "-create -createpl -createpli -append -merge -delete -deletepl -deletepli -change -changei -passwd -authonly",
  },
];

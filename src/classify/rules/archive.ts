import type { CommandRule } from "../rule.ts";

/** Commands that pack and unpack. */
export const ARCHIVE_RULES: readonly CommandRule[] = [
  {
    names: "tar gtar bsdtar",
    tier: "write",
    special: "tar",
    read: "-t --list --version --help --usage -d --diff --compare --test-label",
    danger: "-F --info-script --new-volume-script --rsh-command --rmt-command --remove-files",
    code: "--to-command -I --use-compress-program",
    values:
      "-f -C -T -X -b -g -L -N -V -H -s --file --directory --exclude --files-from --exclude-from --strip-components --transform --owner --group --mode --mtime --checkpoint --checkpoint-action --format --sort --level --one-top-level",
    flags:
      "-z -j -J -v -p -x -c -r -u -a -k -m -O -P -S -W -h --gzip --bzip2 --xz --zstd --verbose --extract --create --get --to-stdout",
  },
  {
    names: "zip zipcloak zipnote zipsplit",
    tier: "write",
    files: "write",
    read: "-sf --show-files -h -L -v",
    danger: "-TT --unzip-command -m --move",
    style: "words",
    values: "-x -i -n -t -tt -P -b",
  },
  { names: "unzip funzip bsdunzip", tier: "write", read: "-l -v -t -p -Z -z -c -h", values: "-d -x -P" },
  {
    names: "zipinfo zipgrep unzipsfx lsar lzip-recover rarinfo zipdetails unrar-info gzlist",
    tier: "read",
    files: "read",
  },
  {
    names:
      "gzip gunzip pigz unpigz bzip2 bunzip2 pbzip2 xz unxz lzma unlzma zstd unzstd pzstd lz4 unlz4 lzop lzip plzip brotli compress uncompress zpaq",
    tier: "write",
    files: "write",
    read: "-l --list -t --test -c --stdout --to-stdout -h --help -V --version -L --license",
    flags:
      "-d -k -f -q -v -n -N -r -1 -2 -3 -4 -5 -6 -7 -8 -9 --decompress --keep --force --quiet --verbose --best --fast",
    values: "-S --suffix -T -p -b",
    outputs: "-o --output",
  },
  {
    names: "7z 7za 7zr 7zz p7zip",
    tier: "write",
    style: "words",
    flags: "-slt -so -bb -bd -y",
    verbs: { read: "l, t, i, h, b", danger: "d" },
    danger: "-sdel",
  },
  {
    names: "rar unrar",
    tier: "write",
    style: "words",
    verbs: { read: "l, lb, lt, lta, v, vb, vt, vta, t, p", danger: "d, df, dr" },
    danger: "-df -dr -dw",
  },
  { names: "unar", tier: "write" },
  {
    names: "ar gar",
    tier: "write",
    style: "words",
    verbs: { read: "t, tv, p, tO, -t, -p", write: "r, rcs, q, x, s", danger: "d, -d" },
  },
  { names: "cpio pax", tier: "write", read: "-t --list", danger: "--rsh-command", values: "-F -I -O -H" },
  { names: "dpkg-deb", tier: "write", read: "-c --contents -I --info -f --field -W --show --fsys-tarfile" },
  { names: "rpm2cpio unsquashfs-ls isoinfo", tier: "read" },
  {
    names: "unsquashfs mksquashfs genisoimage mkisofs xorriso",
    tier: "write",
    read: "-l -ll -lls -s -stat",
    style: "words",
  },
];

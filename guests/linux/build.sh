#!/bin/bash
# Build a Linux guest for the disco board from nothing: kernel and a small
# userland, from the distribution's (Debian's) source packages, with its cross
# compiler.  Nothing of them is in this repository.
#
# usage: guests/linux/build.sh [--out DIR] [--jobs N] [--sqlite] [--little]
#                              [STEP...]
#   --out DIR  where the result goes: vmlinux, initramfs-n64.cpio.gz and,
#              below work/, sources and object files (build/guests/linux)
#   --jobs N   parallel jobs (number of CPUs)
#   --sqlite   add the sqlite3 shell to the initial RAM disk
#   --little   for little-endian CPUs; the result goes to DIR/little
#   STEP       only these: packages sources kernel libc programs initramfs
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(cd "$here/../.." && pwd)/build/guests/linux
jobs=$(nproc)
sqlite=
little=
steps=
all_steps="packages sources kernel libc programs initramfs"

cpu=mips64
order=BIG
config=disco_defconfig
arch_flags="-march=r10000 -mabi=64"
linux_package=linux-source-6.1
packages="$linux_package gcc make dpkg-dev bc flex bison libssl-dev libelf-dev
    cpio gzip xz-utils patch rsync"

say() {
    printf '== %s\n' "$*" >&2
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
    --out)
        [ $# -ge 2 ] || die "--out needs a folder"
        out=$2
        shift
        ;;
    --out=*) out=${1#--out=} ;;
    --jobs)
        [ $# -ge 2 ] || die "--jobs needs a number"
        jobs=$2
        shift
        ;;
    --jobs=*) jobs=${1#--jobs=} ;;
    --sqlite) sqlite=1 ;;
    --little) little=-little ;;
    -h | --help)
        sed -n '2,/^set /{s/^# \{0,1\}//p}' "$0"
        exit 0
        ;;
    -*) die "unknown option: $1" ;;
    packages | sources | kernel | libc | programs | initramfs) steps="$steps $1" ;;
    *) out=$1 ;;
    esac
    shift
done
steps=${steps:-$all_steps}
mkdir -p "$out/work"
out=$(cd "$out" && pwd)
# Both byte orders share the sources, nothing else.
work=$out/work
if [ -n "$little" ]; then
    cpu=mips64el
    order=LITTLE
    config="disco_defconfig disco_little.config"
    out=$out/little
    mkdir -p "$out"
fi
cross=$cpu-linux-gnuabi64-
packages="$packages gcc-$cpu-linux-gnuabi64"
libc=$work/libc$little
programs=$work/programs$little
busybox=$work/busybox-build$little
export LC_ALL=C

# quiet LOG COMMAND...: run with all output in a log; show its end on failure.
quiet() {
    local log=$work/$1$little.log
    shift
    if ! "$@" >"$log" 2>&1; then
        tail -n 25 "$log" >&2
        die "failed: $* (all of it in $log)"
    fi
}

# Say now and then how many files a log has of about so many.
report() {
    local log=$1 files=$2 seconds=0 every=30 end='\n'
    if [ -t 2 ]; then
        every=1
        end='\r'
    fi
    while sleep 1 && kill -0 $$ 2>/dev/null; do
        seconds=$((seconds + 1))
        [ $((seconds % every)) = 0 ] || continue
        printf "   %4d of about %d files, %d s$end" \
            "$(grep -c '^  ' "$log" || true)" "$files" $seconds >&2
    done
}

# progress LOG FILES COMMAND...: quiet, for what takes long.
progress() {
    local files=$2 reporter
    report "$work/$1$little.log" "$files" &
    reporter=$!
    trap "kill $reporter 2>/dev/null" EXIT
    set -- "$1" "${@:3}"
    quiet "$@"
    kill $reporter
    trap - EXIT
    [ ! -t 2 ] || printf '\n' >&2
}

# --- Packages and sources ---------------------------------------------------

step_packages() {
    local missing= p
    [ -z "$sqlite" ] || packages="$packages tcl"
    for p in $packages; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q ' installed' ||
            missing="$missing $p"
    done
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || die "install these packages first:$missing"
    say "installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    if ! apt-get install -y --no-install-recommends $missing \
        >"$work/packages.log" 2>&1; then
        quiet packages apt-get update
        quiet packages apt-get install -y --no-install-recommends $missing
    fi
}

# apt with a configuration of its own: the distribution's sources, deb-src.
# The system's lists and settings stay as they are.
private_apt() {
    apt-get -o Dir::Etc::sourcelist=/dev/null \
        -o Dir::Etc::sourceparts="$work/apt/parts" \
        -o Dir::State::lists="$work/apt/lists" \
        -o Dir::Cache="$work/apt/cache" \
        -o APT::Sandbox::User= "$@"
}

prepare_apt() {
    local codename file
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [ -n "$codename" ] || die "what distribution is this?"
    mkdir -p "$work/apt/parts" "$work/apt/lists/partial" \
        "$work/apt/cache/archives/partial"
    rm -f "$work"/apt/parts/*
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        [ -f "$file" ] || continue
        grep -Eq "^(Suites:|deb )(.*[[:space:]])?$codename([-/][a-z]+)?([[:space:]]|\$)" \
            "$file" || continue
        sed -E 's/^Types:.*/Types: deb-src/; s/^deb /deb-src /' "$file" \
            >"$work/apt/parts/${file##*/}"
    done
    quiet apt private_apt update
}

# fetch PACKAGE: unpack its source as work/PACKAGE.
fetch() {
    [ ! -d "$work/$1" ] || return 0
    [ -d "$work/apt/parts" ] && [ -n "$(ls "$work/apt/lists" 2>/dev/null)" ] ||
        prepare_apt
    say "fetching the source of $1"
    mkdir -p "$work/fetch-$1"
    (cd "$work/fetch-$1" && quiet "fetch-$1" private_apt source "$1")
    mv "$work/fetch-$1"/*/ "$work/$1"
    rm -rf "$work/fetch-$1"
}

# Put our board into the unpacked kernel: new files, and a line or two in each
# of three that are there.
add_board() {
    local tree=$1 file
    # Only what differs: make goes by the files' times.
    (cd "$here/board" && find . -type f) | while read -r file; do
        mkdir -p "$tree/${file%/*}"
        cmp -s "$here/board/$file" "$tree/$file" ||
            cp "$here/board/$file" "$tree/$file"
    done
    grep -q CONFIG_MACH_DISCO "$tree/arch/mips/Kbuild.platforms" ||
        sed -i '/^platform-\$(CONFIG_MACH_DECSTATION)/a platform-$(CONFIG_MACH_DISCO)\t\t+= disco/' \
            "$tree/arch/mips/Kbuild.platforms"
    awk -v add="$tree/arch/mips/Kconfig.disco" '
        /^config MACH_DISCO$/ { old = 1 }
        /^config MIPS_ALCHEMY$/ {
            old = 0
            while ((getline line < add) > 0) print line
        }
        !old { print }' "$tree/arch/mips/Kconfig" >"$tree/Kconfig.new"
    cmp -s "$tree/Kconfig.new" "$tree/arch/mips/Kconfig" ||
        cp "$tree/Kconfig.new" "$tree/arch/mips/Kconfig"
    rm "$tree/Kconfig.new"
    grep -q mips/disco/Kconfig "$tree/arch/mips/Kconfig" ||
        sed -i '/^source "arch\/mips\/bmips\/Kconfig"/a source "arch/mips/disco/Kconfig"' \
            "$tree/arch/mips/Kconfig"
    grep -q MACH_DISCO "$tree/drivers/irqchip/Kconfig" ||
        sed -i '/^config BCM7038_L1_IRQ$/,/^config BCM7120/s/^\tdepends on ARCH_BRCMSTB || BMIPS_GENERIC$/& || MACH_DISCO/' \
        "$tree/drivers/irqchip/Kconfig"
    grep -q MACH_DISCO "$tree/arch/mips/Kbuild.platforms" &&
        grep -q '^config MACH_DISCO' "$tree/arch/mips/Kconfig" &&
        grep -q mips/disco/Kconfig "$tree/arch/mips/Kconfig" &&
        grep -q 'BMIPS_GENERIC || MACH_DISCO' "$tree/drivers/irqchip/Kconfig" ||
        die "the board does not fit into this kernel"
}

step_sources() {
    local archive
    if [ ! -d "$work/linux" ]; then
        archive=$(ls /usr/src/$linux_package.tar.* 2>/dev/null | head -n 1)
        [ -n "$archive" ] || die "package $linux_package is not installed"
        say "unpacking $archive"
        mkdir -p "$work/linux.part"
        tar -xf "$archive" -C "$work/linux.part" --strip-components=1
        mv "$work/linux.part" "$work/linux"
    fi
    add_board "$work/linux"
    fetch musl
    fetch busybox
    [ -z "$sqlite" ] || fetch sqlite3
}

# --- Kernel --------------------------------------------------------------------

kernel_make() {
    make -C "$work/linux" O="$work/linux-build$little" ARCH=mips \
        CROSS_COMPILE=$cross KBUILD_BUILD_TIMESTAMP=1970-01-01 \
        KBUILD_BUILD_USER=disco KBUILD_BUILD_HOST=disco "$@"
}

step_kernel() {
    local option
    say "building the kernel (about 15 minutes of CPU time)"
    mkdir -p "$work/linux-build$little"
    quiet kernel-config kernel_make $config
    for option in MACH_DISCO CPU_R10000 CPU_${order}_ENDIAN 64BIT SMP \
        VIRTIO_MMIO VIRTIO_BLK VIRTIO_NET SERIAL_OF_PLATFORM BCM7038_L1_IRQ \
        EXT4_FS NFSD_V4 NFS_V4_1; do
        grep -q "^CONFIG_$option=y" "$work/linux-build$little/.config" ||
            die "the kernel's configuration has lost $option"
    done
    progress kernel 1580 kernel_make -j"$jobs" vmlinux
    cp "$work/linux-build$little/vmlinux" "$out/vmlinux"
    # Kernels without this file may lose interrupts with several CPUs.
    echo "interrupts on every CPU" >"$out/board-features"
}

# --- C library --------------------------------------------------------------------

# The compiler of the userland: static, MIPS IV, against our musl.
write_cc() {
    local gcc_include
    gcc_include=$(${cross}gcc -print-file-name=include)
    mkdir -p "$libc/bin"
    cat >"$libc/bin/cc" <<X
#!/bin/bash
flags="$arch_flags -fno-pic -no-pie -fno-stack-protector -nostdinc"
flags="\$flags -isystem $libc/include -isystem $libc/linux/include -isystem $gcc_include"
for a in "\$@"; do
    case \$a in
    -c | -S | -E | -M | -MM | -r) exec ${cross}gcc \$flags "\$@" ;;
    -print* | --version | -v | -dump*) exec ${cross}gcc $arch_flags "\$@" ;;
    esac
done
exec ${cross}gcc \$flags -nostdlib -static -L$libc/lib $libc/lib/crt1.o \\
    $libc/lib/crti.o "\$@" -Wl,--start-group -lc -lgcc -Wl,--end-group \\
    $libc/lib/crtn.o
X
    chmod +x "$libc/bin/cc"
}

build_musl() {
    local name
    say "building musl"
    rm -rf "$work/musl-build$little"
    mkdir -p "$work/musl-build$little" "$libc/lib"
    rm -f "$libc/lib/libgcc.a"
    for name in libgcc quad; do
        quiet "$name" ${cross}gcc $arch_flags -O2 -w -ffreestanding -fno-pic \
            -fno-stack-protector -fno-tree-loop-distribute-patterns \
            -c "$here/user/$name.c" -o "$work/musl-build$little/$name.o"
        ${cross}ar rcs "$libc/lib/libgcc.a" "$work/musl-build$little/$name.o"
    done
    (
        cd "$work/musl-build$little"
        export CC="${cross}gcc $arch_flags"
        export CFLAGS="-O2 -fno-pic -fno-stack-protector"
        export LIBCC=$libc/lib/libgcc.a AR=${cross}ar RANLIB=${cross}ranlib
        quiet musl-configure ../musl/configure --target=$cpu-linux-musl \
            --prefix="$libc" --disable-shared
        quiet musl make -j"$jobs"
        quiet musl-install make install
    )
}

step_libc() {
    [ -f "$libc/lib/libc.a" ] || build_musl
    write_cc
    quiet headers kernel_make headers_install INSTALL_HDR_PATH="$libc/linux"
}

# --- Programs ------------------------------------------------------------------------

build_busybox() {
    local dir=$busybox option
    [ ! -f "$dir/busybox" ] || return 0
    say "building busybox"
    mkdir -p "$dir"
    quiet busybox-config make -C "$work/busybox" O="$dir" defconfig
    # No traffic shaping: its headers want a newer kernel interface.
    for option in TC FEATURE_TC_INGRESS; do
        sed -i "s/^CONFIG_$option=y/# CONFIG_$option is not set/" "$dir/.config"
    done
    sed -i 's/^# CONFIG_STATIC is not set/CONFIG_STATIC=y/' "$dir/.config"
    (yes '' || true) |
        make -C "$dir" oldconfig >"$work/busybox-old$little.log" 2>&1 ||
        die "busybox cannot be configured"
    progress busybox 920 make -C "$dir" -j"$jobs" ARCH=mips \
        CROSS_COMPILE=$cross CC="$libc/bin/cc" SKIP_STRIP=y busybox busybox.links
    ${cross}strip "$dir/busybox"
}

build_sqlite() {
    local dir=$work/sqlite-build$little
    [ ! -f "$programs/sqlite3" ] || return 0
    say "building sqlite3"
    mkdir -p "$dir"
    (
        cd "$dir"
        quiet sqlite-configure ../sqlite3/configure --disable-readline \
            --disable-tcl
        quiet sqlite-amalgamation make sqlite3.c shell.c
        quiet sqlite "$libc/bin/cc" -O2 -DSQLITE_OMIT_LOAD_EXTENSION \
            -DSQLITE_THREADSAFE=1 -I. shell.c sqlite3.c \
            -o "$programs/sqlite3"
    )
    ${cross}strip "$programs/sqlite3"
}

step_programs() {
    local name
    mkdir -p "$programs"
    build_busybox
    say "building our own programs"
    for name in hello workload shared stress; do
        quiet "$name" "$libc/bin/cc" -O2 -Wall -Wextra -D_GNU_SOURCE \
            "$here/user/$name.c" -o "$programs/$name"
        ${cross}strip "$programs/$name"
    done
    [ -z "$sqlite" ] || build_sqlite
}

# --- Initial RAM disk ---------------------------------------------------------------------

# The kernel's own tool makes it from a list: no root, no device nodes here.
list_files() {
    local dir link file
    for dir in bin sbin etc proc sys dev tmp root mnt srv usr usr/bin usr/sbin \
        var var/lib var/lib/nfs var/lib/nfs/v4recovery var/run; do
        echo "dir /$dir 755 0 0"
    done
    echo "nod /dev/console 600 0 0 c 5 1"
    echo "nod /dev/null 666 0 0 c 1 3"
    echo "file /init $here/rootfs/init 755 0 0"
    echo "file /bin/busybox $busybox/busybox 755 0 0"
    for file in "$here"/rootfs/nfs-* "$programs"/*; do
        echo "file /bin/${file##*/} $file 755 0 0"
    done
    while read -r link; do
        [ "$link" = /bin/busybox ] || [ "$link" = /linuxrc ] ||
            echo "slink $link /bin/busybox 777 0 0"
    done <"$busybox/busybox.links"
}

step_initramfs() {
    say "packing the initial RAM disk"
    list_files >"$work/initramfs$little.list"
    gcc -O2 -w -o "$work/gen_init_cpio" "$work/linux/usr/gen_init_cpio.c"
    "$work/gen_init_cpio" -t 0 "$work/initramfs$little.list" | gzip -9n \
        >"$out/initramfs-n64.cpio.gz"
}

{
    begin=$(date +%s)
    for step in $steps; do
        "step_$step"
    done
    say "done in $((($(date +%s) - begin) / 60)) minutes: $out"
    ls -l "$out" >&2
    exit 0 # this file may have changed meanwhile
}

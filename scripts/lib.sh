# Shared by the scripts in this folder; sourced, not run.
# Sets: top, build, and the functions below.  Answers --help for all of them:
# with the comment at the head of the script.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${DISCO_BUILD:-$top/build}

say() {
    printf '%s\n' "== $*" >&2
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

case " $* " in
*" --help "* | *" -h "*)
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
    exit 0
    ;;
esac

# configure DIR [MESON-OPTION...]: set a build folder up, once.
configure() {
    local dir=$1
    shift
    [ -f "$dir/build.ninja" ] && return 0
    meson setup "$dir" "$top" "$@" >&2 ||
        die "meson setup failed; see $dir/meson-logs/meson-log.txt"
}

# build_all [DIR]: compile everything, quietly unless it fails.
build_all() {
    local dir=${1:-$build} log
    log=$(mktemp)
    if ! ninja -C "$dir" >"$log" 2>&1; then
        grep -v '^\[[0-9]*/[0-9]*\]' "$log" >&2 || true
        rm -f "$log"
        die "the build failed"
    fi
    rm -f "$log"
}

# find_guests: print the folder with a Linux kernel and initramfs for the
# board, or fail.  Order: $DISCO_GUESTS, what guests/linux built, and a folder
# shared/guests beside the checkout.
find_guests() {
    local dir
    for dir in "${DISCO_GUESTS:-}" "$build/guests/linux" "$top/../shared/guests"; do
        if [ -n "$dir" ] && [ -d "$dir" ] &&
            { [ -f "$dir/vmlinux" ] || [ -f "$dir/vmlinux.xz" ]; }; then
            (cd "$dir" && pwd)
            return 0
        fi
    done
    return 1
}

# unpacked_kernel GUESTS-DIR: print the path of an uncompressed vmlinux.
unpacked_kernel() {
    local dir=$1 out=$build/linux/vmlinux
    [ "${dir##*/}" != little ] || out=$build/linux/little/vmlinux
    if [ -f "$dir/vmlinux" ]; then
        printf '%s\n' "$dir/vmlinux"
        return
    fi
    mkdir -p "${out%/*}"
    if [ ! -f "$out" ] || [ "$dir/vmlinux.xz" -nt "$out" ]; then
        xz -dc "$dir/vmlinux.xz" >"$out.part" && mv "$out.part" "$out"
    fi
    printf '%s\n' "$out"
}

# initramfs_of GUESTS-DIR: print the path of its initramfs.
initramfs_of() {
    local file
    for file in "$1"/initramfs*.cpio.gz "$1"/initramfs*.cpio; do
        if [ -f "$file" ]; then
            printf '%s\n' "$file"
            return 0
        fi
    done
    return 1
}

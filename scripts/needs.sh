# Sourced by the other scripts, from the top of the repository: looks whether this machine has what they
# need, and installs what it lacks. Debian's packages are asked for only where something is missing.

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "error: $*"
    exit 1
}

# need_packages PACKAGE...: installs Debian packages, as root or through sudo.
need_packages() {
    local as_root=()
    if ! command -v apt-get >/dev/null; then
        die "this machine lacks what Debian calls $*; install it and run this again"
    fi
    if [[ $(id -u) != 0 ]]; then
        command -v sudo >/dev/null || die "run as root: apt-get install $*"
        as_root=(sudo)
    fi
    say "installing Debian packages: $*"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >&2
}

# A Rust toolchain, and the C compiler that links for it and builds SQLite, zstd and ring.
need_rust() {
    if ! command -v cargo >/dev/null; then
        PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
        command -v cargo >/dev/null || die "expected a Rust toolchain, found no cargo; see https://rustup.rs"
    fi
    command -v cc >/dev/null || need_packages gcc libc6-dev
}

# need_component COMMAND COMPONENT: a part of the toolchain that minimal installations leave out.
need_component() {
    cargo "$1" --version >/dev/null 2>&1 && return
    command -v rustup >/dev/null || die "expected \`cargo $1\`; install the Rust component $2"
    rustup component add "$2"
}

# A Python of our own with pip, in target/venv: Debian lets nobody install into its own.
need_python() {
    target/venv/bin/python -m pip --version >/dev/null 2>&1 && return
    python3 -c 'import ensurepip, venv' 2>/dev/null || need_packages python3 python3-venv
    rm -rf target/venv
    mkdir -p target
    python3 -m venv target/venv
}

# need_requirements FILE: Python packages in target/venv, installed when the list changes.
need_requirements() {
    local installed=target/venv/requirements.txt
    cmp -s "$1" "$installed" && return
    target/venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$1"
    # Last, so that half an installation is done again.
    cp "$1" "$installed"
}

# A Node that runs the browser tests, with npm, and Chromium.
need_browser() {
    command -v npm >/dev/null || need_packages nodejs npm
    local version
    version=$(node --version)
    version=${version#v}
    ((${version%%.*} >= 20)) || die "expected Node 20 or later, found $version; install a newer one"
    command -v chromium >/dev/null || need_packages chromium fonts-noto-core
}

# need_npm FOLDER: the packages that FOLDER/package-lock.json names, installed when it changes.
need_npm() {
    local installed=$1/node_modules/package-lock.json
    cmp -s "$1/package-lock.json" "$installed" && return
    npm ci --prefix "$1" --no-audit --no-fund --loglevel=error >&2
    # Last, so that half an installation is done again.
    cp "$1/package-lock.json" "$installed"
}

fetch_model() {
    target/venv/bin/python scripts/fetch-model
}

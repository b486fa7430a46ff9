//! What the machine must have, found by looking for the thing itself, so that a package from elsewhere counts too.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::process;

/// The Debian packages that bring what is missing.
pub(crate) fn missing_packages() -> Vec<&'static str> {
    NEEDS
        .iter()
        .filter(|need| !need.proof.holds())
        .map(|need| need.package)
        .collect()
}

struct Need {
    package: &'static str,
    proof: Proof,
}

enum Proof {
    /// A program in PATH or one of root's folders.
    Program(&'static str),
    /// A file at a fixed place.
    File(&'static str),
    /// A program that works in an empty root: one that asks for no dynamic loader.
    StaticProgram(&'static str),
}

const NEEDS: &[Need] = &[
    // The engine in every cell.
    Need {
        package: "docker.io",
        proof: Proof::Program("dockerd"),
    },
    Need {
        package: "iptables",
        proof: Proof::Program("iptables"),
    },
    // The other tool for the rules around cells, for its tests.
    Need {
        package: "nftables",
        proof: Proof::Program("nft"),
    },
    Need {
        package: "iproute2",
        proof: Proof::Program("ip"),
    },
    Need {
        package: "btrfs-progs",
        proof: Proof::Program("mkfs.btrfs"),
    },
    // The proxy with TLS in front of a server, for its tests.
    Need {
        package: "haproxy",
        proof: Proof::Program("haproxy"),
    },
    // Other storages of cells, for their tests: XFS shares extents, and attributes are what an overlay marks with.
    Need {
        package: "xfsprogs",
        proof: Proof::Program("mkfs.xfs"),
    },
    Need {
        package: "attr",
        proof: Proof::Program("setfattr"),
    },
    Need {
        package: "git",
        proof: Proof::Program("git"),
    },
    Need {
        package: "ca-certificates",
        proof: Proof::File("/etc/ssl/certs/ca-certificates.crt"),
    },
    // Deploy keys: the client and its agent everywhere, the server in tests alone.
    Need {
        package: "openssh-client",
        proof: Proof::Program("ssh-agent"),
    },
    Need {
        package: "openssh-server",
        proof: Proof::File("/usr/sbin/sshd"),
    },
    // The registry that the tests and the demo push to, and its password file.
    Need {
        package: "docker-registry",
        proof: Proof::Program("docker-registry"),
    },
    Need {
        package: "apache2-utils",
        proof: Proof::Program("htpasswd"),
    },
    // What Circle's own images are made of. `redis-tools` holds the server's binary without its system service.
    Need {
        package: "busybox-static",
        proof: Proof::StaticProgram("busybox"),
    },
    Need {
        package: "redis-tools",
        proof: Proof::Program("redis-check-rdb"),
    },
    Need {
        package: "musl-tools",
        proof: Proof::Program("musl-gcc"),
    },
    Need {
        package: "debootstrap",
        proof: Proof::Program("debootstrap"),
    },
    // Compiling Circle: SQLite, zstd and ring are C inside.
    Need {
        package: "gcc",
        proof: Proof::Program("cc"),
    },
    Need {
        package: "libc6-dev",
        proof: Proof::File("/usr/include/stdio.h"),
    },
    Need {
        package: "make",
        proof: Proof::Program("make"),
    },
    Need {
        package: "pkg-config",
        proof: Proof::Program("pkg-config"),
    },
    Need {
        package: "curl",
        proof: Proof::Program("curl"),
    },
    Need {
        package: "procps",
        proof: Proof::Program("ps"),
    },
];

impl Proof {
    fn holds(&self) -> bool {
        match self {
            Self::Program(name) => process::find(name).is_some(),
            Self::File(path) => Path::new(path).exists(),
            Self::StaticProgram(name) => process::find(name).is_some_and(|path| is_static(&path)),
        }
    }
}

/// The path of the dynamic loader stands in the first kilobytes of every ELF program that wants one.
fn is_static(program: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(program).and_then(|file| file.take(4096).read_to_end(&mut head));
    read.is_ok() && !head.windows(4).any(|window| window == b"/ld-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dynamic_program_is_told_from_a_static_one() {
        assert!(
            !is_static(Path::new("/proc/self/exe")),
            "the test binary asks for a loader"
        );
        let busybox = process::find("busybox").expect("setup installs busybox");
        assert!(is_static(&busybox));
    }

    #[test]
    fn a_missing_program_is_seen_as_missing() {
        assert!(!Proof::Program("circle-no-such-program").holds());
        assert!(!Proof::File("/no/such/file").holds());
        assert!(!Proof::StaticProgram("circle-no-such-program").holds());
        assert!(Proof::Program("sh").holds());
    }
}

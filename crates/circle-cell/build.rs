//! Compiles the gate into a static program, which the library then carries.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=gate");
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let program = Path::new(&variable("OUT_DIR")).join("gate");
    let status = Command::new(variable("RUSTC"))
        .args(["--edition=2024", "--crate-name=gate", "--crate-type=bin"])
        .args([
            "-C",
            "opt-level=s",
            "-C",
            "panic=abort",
            "-C",
            "strip=symbols",
            "-C",
            "target-feature=+crt-static",
        ])
        .args(["--target", &variable("TARGET")])
        .arg("-o")
        .arg(&program)
        .arg("gate/main.rs")
        .status()
        .unwrap_or_else(|error| panic!("rustc cannot be started: {error}"));
    assert!(status.success(), "the gate does not compile");
}

//! Projects that are built in cells and beside them: one that compiles for about a minute, and a real one.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;

/// Files of the long project, and functions in each: about a minute of compiling on two cores.
const FILES: usize = 160;
const FUNCTIONS: usize = 250;
/// The objects of the last build are taken up, as on a developer's machine.
const DOCKERFILE: &str = "FROM circle/toolchain:1\nWORKDIR /src\nCOPY . .\n\
    RUN --mount=type=cache,target=/objects make -j2 OUT=/objects && cp /objects/program /program\nRUN /program\n";
/// One object for each file, one program of all; a changed header makes all of them anew.
const MAKEFILE: &str = "SOURCES := $(wildcard *.c */*.c)\nOBJECTS := $(SOURCES:%.c=$(OUT)/%.o)\n\
    $(OUT)/program: $(OBJECTS)\n\tmusl-gcc -static -o $@ $^\n\
    $(OUT)/%.o: %.c $(wildcard *.h */*.h)\n\t@mkdir -p $(@D)\n\tmusl-gcc -O2 $(FLAGS) -c -o $@ $<\n";
/// The real project: the C library Zstandard, which Cargo brings as a crate's sources.
const CRATE: &str = "zstd-sys";
const PARTS: [&str; 3] = ["common", "compress", "decompress"];
/// A program that compresses, expands and compares.
const MAIN: &str = r#"#include <string.h>
#include "zstd.h"
int main(void) {
    static char text[100000], small[200000], again[100000];
    for (unsigned i = 0; i < sizeof text; i++) text[i] = (char)(i * i >> 7);
    size_t length = ZSTD_compress(small, sizeof small, text, sizeof text, 3);
    if (ZSTD_isError(length)) return 1;
    return ZSTD_decompress(again, sizeof again, small, length) != sizeof text || memcmp(text, again, sizeof text);
}
"#;

/// A folder with a Dockerfile that compiles it.
pub(crate) struct Project {
    folder: TempDir,
    /// The sources of which one is changed at a time.
    sources: Vec<PathBuf>,
}

/// One build.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) took: Duration,
    /// Steps that were cached, by their names.
    pub(crate) cached: BTreeSet<String>,
}

impl Project {
    /// Loops that a compiler looks at for about a minute.
    pub(crate) fn long() -> Result<Self> {
        let mut this = Self::empty("")?;
        for number in 0..FILES {
            this.write(&format!("part{number}.c"), &source(number)?)?;
        }
        std::fs::write(this.folder.path().join("main.c"), "int main(void) { return 0; }\n")?;
        Ok(this)
    }

    /// Zstandard, as its authors wrote it.
    pub(crate) async fn real() -> Result<Self> {
        let mut this = Self::empty("FLAGS := -DZSTD_DISABLE_ASM -I.\n")?;
        let library = sources_of(CRATE).await?.join("zstd/lib");
        for part in std::iter::once(".").chain(PARTS) {
            let folder = library.join(part);
            std::fs::create_dir_all(this.folder.path().join(part))?;
            for entry in folder.read_dir().with_context(|| format!("{}", folder.display()))? {
                let path = entry?.path();
                if path.extension().is_some_and(|kind| kind == "c" || kind == "h") {
                    let name = path.file_name().context("a file has a name")?.to_string_lossy();
                    this.write(&format!("{part}/{name}"), &std::fs::read_to_string(&path)?)?;
                }
            }
        }
        this.sources
            .retain(|path| path.extension().is_some_and(|kind| kind == "c"));
        this.sources.sort_unstable();
        std::fs::write(this.folder.path().join("main.c"), MAIN)?;
        Ok(this)
    }

    fn empty(flags: &str) -> Result<Self> {
        let folder = tempfile::tempdir_in("/var/tmp")?;
        std::fs::write(folder.path().join("Dockerfile"), DOCKERFILE)?;
        std::fs::write(folder.path().join("Makefile"), format!("{flags}{MAKEFILE}"))?;
        Ok(Self {
            folder,
            sources: Vec::new(),
        })
    }

    fn write(&mut self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text)?;
        self.sources.push(path);
        Ok(())
    }

    /// Adds a line to one of the sources; each number is another one.
    pub(crate) fn change(&self, number: usize) -> Result<()> {
        let source = &self.sources[number * self.sources.len() / 7 % self.sources.len()];
        let text = std::fs::read_to_string(source)?;
        Ok(std::fs::write(source, format!("{text}int circle_change_{number};\n"))?)
    }

    /// Builds it with the docker CLI on the daemon behind a socket.
    pub(crate) async fn build(&self, socket: &Path) -> Result<Built> {
        let start = Instant::now();
        let output = Command::new("/usr/bin/docker")
            .env("DOCKER_BUILDKIT", "1")
            .arg("--host")
            .arg(format!("unix://{}", socket.display()))
            .args(["build", "--progress=plain", "--tag", "project", "."])
            .current_dir(self.folder.path())
            .output()
            .await?;
        let took = start.elapsed();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "the project could not be built: {said}");
        Ok(Built {
            took,
            cached: cached(&said),
        })
    }
}

/// The names of cached steps: BuildKit prints `#7 [2/4] COPY …` when a step begins, and `#7 CACHED`.
fn cached(said: &str) -> BTreeSet<String> {
    let numbers: Vec<&str> = said.lines().filter_map(|line| line.strip_suffix(" CACHED")).collect();
    let names = said.lines().filter_map(|line| {
        let (number, name) = line.split_once(" [")?;
        numbers.contains(&number).then(|| name.to_owned())
    });
    names.collect()
}

/// Loops that a compiler looks at for a while.
fn source(number: usize) -> Result<String> {
    let mut text = String::new();
    for function in 0..FUNCTIONS {
        writeln!(
            text,
            "int f{number}_{function}(int *a, int n) {{ int s = 0; for (int i = 0; i < n; i++) \
             for (int j = i; j < n; j += {}) s += a[i] * a[j] ^ (s >> {}); return s; }}",
            function % 7 + 1,
            function % 5 + 1
        )?;
    }
    Ok(text)
}

/// Where Cargo keeps the sources of a crate that Circle depends on.
async fn sources_of(name: &str) -> Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["metadata", "--locked", "--format-version=1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .await?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("packages")?;
    let package = packages.iter().find(|package| package["name"] == name);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let folder = Path::new(manifest.with_context(|| format!("no crate {name}"))?).parent();
    Ok(folder.context("a manifest lies in a folder")?.to_owned())
}

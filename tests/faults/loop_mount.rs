//! A file system of one's own, whose power can be cut.
//!
//! The call that cuts the power acts on a whole file system, and on the wrong one it would stop the machine. So this makes
//! the image and the mount itself, uses them for nothing else, and checks from several sides that the one is the other
//! before each cut; the program that makes the call checks all of it once more on the open directory that it acts on.
//! Whatever is not as expected is a refusal.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// Size of the image.
const BYTES: u64 = 96 << 20;

/// Makes the call: no Rust crate in use has it without `unsafe`.
const CUT: &str = include_str!("cut.py");

/// An ext4 file system in a file, mounted. It is unmounted and removed when it is dropped.
#[derive(Debug)]
pub(crate) struct LoopMount {
    image: PathBuf,
    point: PathBuf,
    token: String,
    is_mounted: bool,
    /// Where image and mount point are; kept if the file system cannot be unmounted.
    dir: Option<TempDir>,
}

/// A program that has checked everything and waits for the word.
#[derive(Debug)]
pub(crate) struct Switch {
    program: Child,
    said: BufReader<std::process::ChildStdout>,
}

/// Runs a program; what it complains about if it fails.
fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{program}: {complaint}")) }
}

impl LoopMount {
    /// Makes an image and mounts it.
    ///
    /// # Errors
    /// What is missing on this machine.
    pub(crate) fn new() -> Result<Self, String> {
        let dir = tempfile::Builder::new().prefix("ticketscope-power-").tempdir().map_err(|error| error.to_string())?;
        let place = fs::canonicalize(dir.path()).map_err(|error| error.to_string())?;
        let (image, point) = (place.join("image"), place.join("mount"));
        let made = File::create_new(&image).and_then(|file| file.set_len(BYTES)).and_then(|()| fs::create_dir(&point));
        made.map_err(|error| error.to_string())?;
        run("python3", &["-c", "import fcntl"])?;
        run("mkfs.ext4", &["-q", "-F", text(&image)])?;
        let token = place.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let mut mount = Self { image, point, token, is_mounted: false, dir: Some(dir) };
        mount.mount()?;
        mount.check()?;
        let marked = File::create_new(mount.point.join(&mount.token)).and_then(|file| file.sync_all());
        marked.and_then(|()| File::open(&mount.point)?.sync_all()).map_err(|error| error.to_string())?;
        Ok(mount)
    }

    /// Where files can be put.
    pub(crate) fn path(&self) -> &Path {
        &self.point
    }

    fn mount(&mut self) -> Result<(), String> {
        run("mount", &["-t", "ext4", "-o", "loop,nosuid,nodev,noexec", text(&self.image), text(&self.point)])?;
        self.is_mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> Result<(), String> {
        run("umount", &[text(&self.point)])?;
        self.is_mounted = false;
        Ok(())
    }

    /// Takes the file system away and brings it back, as a machine does that stops and starts.
    pub(crate) fn restart(&mut self) {
        self.unmount().unwrap();
        self.mount().unwrap();
        self.check().unwrap();
    }

    /// Whether what is mounted is the image and nothing else.
    fn check(&self) -> Result<(), String> {
        let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).map_err(|error| error.to_string());
        let ours = device(&self.point)?;
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
        let above = self.point.parent().ok_or("it has no parent")?;
        for other in [Path::new("/"), above, &self.image, &std::env::temp_dir(), checkout] {
            if device(other)? == ours {
                return Err(format!("{} is on the same file system as {}", self.point.display(), other.display()));
            }
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
        let here: Vec<_> = mounts.lines().filter(|line| line.split(' ').nth(4) == Some(text(&self.point))).collect();
        let [line] = here[..] else { return Err(format!("it is mounted as {here:?}")) };
        let source = line.split_once(" - ").and_then(|(_, rest)| rest.split(' ').nth(1)).unwrap_or_default();
        let name = source.strip_prefix("/dev/").filter(|name| name.starts_with("loop") && !name.contains('/'));
        let block = Path::new("/sys/block").join(name.ok_or(format!("{source} is no loop device"))?);
        let read = |path: PathBuf| fs::read_to_string(path).map_err(|error| error.to_string());
        let backing = read(block.join("loop").join("backing_file"))?;
        if backing.trim_end() != text(&self.image) {
            return Err(format!("{source} is {backing}"));
        }
        let sectors: u64 = read(block.join("size"))?.trim().parse().map_err(|error| format!("{error}"))?;
        if sectors * 512 != BYTES {
            return Err(format!("{source} has {sectors} sectors"));
        }
        Ok(())
    }

    /// A switch that has checked what it is to cut.
    pub(crate) fn switch(&self) -> Switch {
        self.check().unwrap();
        let mut program = Command::new("python3")
            .args(["-c", CUT, text(&self.point), text(&self.image), &self.token])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(program.stdout.take().unwrap());
        let mut switch = Switch { program, said };
        switch.hears("ready");
        switch
    }
}

impl Switch {
    fn hears(&mut self, word: &str) {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), word, "the power is not cut: see above");
    }

    /// Cuts the power.
    pub(crate) fn cut(mut self) {
        writeln!(self.program.stdin.take().unwrap(), "cut").unwrap();
        self.hears("cut");
        assert!(self.program.wait().unwrap().success());
    }
}

impl Drop for LoopMount {
    #[expect(clippy::print_stderr, reason = "somebody must look after what is left")]
    fn drop(&mut self) {
        if !self.is_mounted {
            return;
        }
        if let Err(why) = self.unmount() {
            // What is mounted must not be removed file by file.
            let left = self.dir.take().map(TempDir::keep);
            eprintln!("left behind: {left:?}, for {why}");
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_else(|| unreachable!("temporary directories have names of letters"))
}

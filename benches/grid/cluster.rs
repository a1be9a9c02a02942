//! A throwaway PostgreSQL: made in a directory of its own, reached by a socket in it alone, stopped by its process id, even
//! if the bench is killed.

use std::{
    env, fs,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use postgres::{Client, Config, NoTls};
use tempfile::TempDir;

/// Where Debian keeps the programs, which are on nobody's path.
const DEBIAN: &str = "/usr/lib/postgresql/15/bin";
/// Users that the server may run as where the bench is run by root, which the server refuses.
const SERVICE_USERS: [&str; 2] = ["postgres", "nobody"];
const START: Duration = Duration::from_mins(1);
/// Everybody's name on the cluster.
const OWNER: &str = "bench";

/// The settings: memory as for a server of this size, one thread a query as on every other side, and no waiting for the
/// disk, for nothing of it is to last.
const SETTINGS: &str = "
listen_addresses = ''
shared_buffers = 1GB
effective_cache_size = 4GB
work_mem = 64MB
maintenance_work_mem = 512MB
max_wal_size = 8GB
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
jit = off
max_parallel_workers_per_gather = 0
random_page_cost = 1.1
";

/// Runs its arguments as the server and ends with it. When the bench lets go of its input, for whatever reason, the server
/// is told to end (SIGINT is its fast shutdown), and its directory goes.
const GUARD: &str = r#"
dir=$1
shift
exec 3<&0
"$@" </dev/null &
server=$!
{
    read -r _ <&3
    kill -INT "$server"
    while kill -0 "$server"; do sleep 0.1; done
    rm -rf "$dir"
} 2>/dev/null &
wait "$server"
"#;

/// A running server. Stopped and removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    guard: Child,
    dir: TempDir,
}

impl Cluster {
    /// Makes one and waits until it answers.
    ///
    /// # Errors
    /// If the programs are missing or do not do it: then the message says which.
    pub(crate) fn start() -> Result<Self> {
        let (initdb, postgres) = (program("initdb")?, program("postgres")?);
        let dir = tempfile::Builder::new().prefix("grid-postgres-").tempdir()?;
        let user = service_user()?;
        if let Some((uid, gid)) = user {
            chown(dir.path(), Some(uid), Some(gid)).context("give the directory to the server's user")?;
        }
        let data = dir.path().join("data");
        let run = |program: &Path| {
            let mut command = Command::new(program);
            command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::null());
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command
        };
        let made = run(&initdb)
            .args(["--username", OWNER, "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .context("run initdb")?;
        if !made.status.success() {
            bail!("initdb fails: {}", String::from_utf8_lossy(&made.stderr).trim());
        }
        let settings = data.join("postgresql.conf");
        let mut text = fs::read_to_string(&settings)?;
        text.push_str(SETTINGS);
        fs::write(&settings, text)?;
        let log = fs::File::create(dir.path().join("log"))?;
        let mut guard = run(Path::new("sh"));
        guard.args(["-c", GUARD, "guard"]).arg(&data).arg(&postgres).arg("-D").arg(&data).arg("-k").arg(dir.path());
        let guard = guard.stdin(Stdio::piped()).stderr(log).spawn().context("run postgres")?;
        let mut cluster = Self { guard, dir };
        cluster.wait()?;
        Ok(cluster)
    }

    fn wait(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            match self.connect() {
                Ok(_) => return Ok(()),
                Err(error) => {
                    let ended = self.guard.try_wait()?;
                    if ended.is_some() || began.elapsed() > START {
                        let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
                        let last = log.lines().last().unwrap_or_default();
                        bail!("postgres does not answer: {error}; the last line of its log: {last}");
                    }
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        }
    }

    /// A connection of the owner.
    ///
    /// # Errors
    /// If the server does not take it.
    pub(crate) fn connect(&self) -> Result<Client> {
        let mut config = Config::new();
        Ok(config.host_path(self.dir.path()).user(OWNER).dbname("postgres").connect(NoTls)?)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        drop(self.guard.wait());
    }
}

fn program(name: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places = env::split_paths(&path).chain([PathBuf::from(DEBIAN)]);
    let found = places.find_map(|place| Some(place.join(name)).filter(|program| program.is_file()));
    found.with_context(|| format!("no program `{name}` on the path or in {DEBIAN}"))
}

/// The ids to run the server with, if they are not those of the bench.
fn service_user() -> Result<Option<(u32, u32)>> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"]).context("the program `id` does not tell who runs the bench")? != 0 {
        return Ok(None);
    }
    let user = SERVICE_USERS.iter().find_map(|user| Some((id(&["-u", user])?, id(&["-g", user])?)));
    user.map(Some).context("the server does not run as root, and there is no user `postgres` or `nobody`")
}

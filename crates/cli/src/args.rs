//! The arguments of every command.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use ticketscope_audit::Hash;
use ticketscope_engine::storage::TenantId;
use ticketscope_import::Format;
use ticketscope_model::{TicketKey, Timestamp};
use ticketscope_server::KeyClass;

/// Exit codes, as the help shows them.
const EXIT_CODES: &str = "Exit codes: 0 done; 1 a question answered \"no\" or a check that failed; 2 wrong usage or bad \
                          input; 3 no such tenant or principal; 4 damaged or locked data; 70 internal error.";

/// How queries are written, as the help shows it.
const QUERY_HELP: &str = "A query is words, and fields with values: refund \"two words\" prin* -unwanted status:open \
                          priority>=high group:\"Tier 2\" assignee:me -tags:spam created>2weeks. subject:, description:, \
                          comment: and note: look for a word in one kind of text. Repeat a key for OR, use >= and <= for ranges; commas and .. are not special. \
                          Put it in single quotes for the shell, and after `--` if it begins with `-`. \
                          No query asks for every visible ticket.";

/// What to do after an import that did not end.
pub(crate) const RUN_AGAIN: &str = "run it again from the start and let it finish: events, and lines without a `rev`, pass \
                                    through older values until the point where it stopped is reached";

/// Exactly the tickets an agent may see: counted, listed and explained.
#[derive(Debug, Parser)]
#[command(name = "ticketscope", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// The data directory
    #[arg(long, global = true, value_name = "DIR", env = "TICKETSCOPE_DATA", default_value = "./data")]
    pub(crate) data: PathBuf,

    /// Print JSON to stdout; errors are one line of JSON on stderr
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read tickets, people and permissions from files into a tenant, which is made if there is none
    Import(ImportArgs),
    /// Count the visible tickets that match
    #[command(after_help = QUERY_HELP)]
    Count(CountArgs),
    /// List the visible tickets that match
    #[command(after_help = QUERY_HELP)]
    Search(SearchArgs),
    /// Count the visible tickets that match by the values of their fields
    #[command(after_help = QUERY_HELP)]
    Facets(FacetsArgs),
    /// List the fields of the visible tickets
    Fields(FieldsArgs),
    /// Complete a prefix from the words, tags, people and values of the visible tickets
    Suggest(SuggestArgs),
    /// Say why a principal sees a ticket or does not; exit code 1 if not
    Why(WhyArgs),
    /// List the principals who see a ticket
    Who(WhoArgs),
    /// Check, show and list what principals may see
    Scope {
        #[command(subcommand)]
        command: ScopeCommand,
    },
    /// Show sizes and positions of a tenant
    Stats(StatsArgs),
    /// Create, list and delete tenants
    Tenant {
        #[command(subcommand)]
        command: TenantCommand,
    },
    /// Copy a tenant, or all, into a new directory, also while it is written to
    Backup(BackupArgs),
    /// Make tenants of a backup: new ones, verified before they have a name
    Restore(RestoreArgs),
    /// Write a tenant as scope-jsonl lines, which any version reads
    Dump(DumpArgs),
    /// Read a dump into a new tenant
    Load(LoadArgs),
    /// Say what is wrong with the data directory and what to do, without changing anything; exit code 1 if there is something
    /// to do, 4 if something is damaged
    Doctor(DoctorArgs),
    /// Serve the data directory over HTTP
    Serve(ServeArgs),
    /// Create, list, rotate and revoke the keys with which programs use the server
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Create, list, promote and revoke the keys that agent tokens are signed with
    SigningKey(SigningKeyArgs),
    /// Take back the agent tokens that were issued until now; a running server refuses them within a second
    SignOut(SignOutArgs),
    /// Make a help desk to try things out on, take a tour through it, and serve it
    Demo(DemoArgs),
    /// Ask random questions and compare every answer with a slow, simple oracle on the same data
    Verify(VerifyArgs),
    /// Measure on this machine: a made-up help desk, or a tenant of yours
    Bench(BenchArgs),
    /// Read and check the log of what admins asked and changed, on this command line and by the server
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Plant hidden tickets with unique words, which the server finds in any answer that leaks them
    Canary {
        #[command(subcommand)]
        command: CanaryCommand,
    },
}

/// Lines of an import that become durable together, unless it says otherwise.
pub(crate) const BATCH: u32 = 10_000;

#[derive(Debug, Args)]
#[command(
    after_help = format!("Lines are applied in batches, each whole and durable. Without --keep-going an import stops at the \
                          first line that is rejected: the lines before it are applied, nothing after it, and the exit \
                          code is 2. After an import that was stopped, also by force, {RUN_AGAIN}.")
)]
pub(crate) struct ImportArgs {
    /// The tenant
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: TenantId,

    /// The format of all files, instead of telling each by its first line: scope-jsonl, tickets or events
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    pub(crate) format: Option<Format>,

    /// Skip lines that are rejected and apply the others
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Write rejected lines to this file as they are, to be mended and imported
    #[arg(long, value_name = "FILE")]
    pub(crate) reject: Option<PathBuf>,

    /// Lines that become durable together
    #[arg(long, value_name = "N", default_value_t = BATCH, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) batch: u32,

    /// Languages that the tenant's people write in, by code, if the files do not declare them: en, es, fr, de, pl, it, pt, nl
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(crate) languages: Vec<String>,

    /// Files of JSON lines, plain or zstd, read in this order as one import; `-` is stdin
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// Who asks.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct AskerArgs {
    /// Ask as this principal, in its scope
    #[arg(long = "as", value_name = "PRINCIPAL")]
    pub(crate) principal: Option<String>,

    /// Ask for every live and archived ticket, in nobody's scope
    #[arg(long)]
    pub(crate) as_admin: bool,
}

/// What is asked, of whom, when.
#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// The tenant
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: TenantId,

    #[command(flatten)]
    pub(crate) asker: AskerArgs,

    /// The moment from which ages like 2weeks count back, instead of now
    #[arg(long, value_name = "TIMESTAMP", value_parser = timestamp)]
    pub(crate) now: Option<Timestamp>,

    /// The query; its words are joined by blanks
    #[arg(value_name = "QUERY")]
    pub(crate) query: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CountArgs {
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    #[command(flatten)]
    pub(crate) ask: AskArgs,

    /// Rows of a page, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: u32,

    /// Go on after the page that gave this cursor; ages in the query keep counting from the first page's moment
    #[arg(long, value_name = "CURSOR", conflicts_with = "page_rank")]
    pub(crate) page_after: Option<String>,

    /// Begin with the ticket of this rank, counted from 0
    #[arg(long, value_name = "N")]
    pub(crate) page_rank: Option<u32>,

    /// The order: a field or `id`, then asc or desc; the default is by relevance where there are words, else newest `updated_at` first
    #[arg(long, value_name = "KEY:asc|desc")]
    pub(crate) sort: Option<String>,

    /// Also say how the list is found; for admins
    #[arg(long, conflicts_with = "principal")]
    pub(crate) explain: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FacetsArgs {
    #[command(flatten)]
    pub(crate) ask: AskArgs,

    /// A field to count by; may be repeated. Without it: status, priority, group and assignee
    #[arg(long, value_name = "FIELD")]
    pub(crate) field: Vec<String>,

    /// Values of each field, the most frequent first; the row of tickets without a value always comes too
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,
}

#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// The tenant
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: TenantId,

    /// Whose view
    pub(crate) principal: String,

    /// Which ticket
    #[arg(value_parser = ticket_key, allow_negative_numbers = true)]
    pub(crate) ticket: TicketKey,
}

#[derive(Debug, Args)]
pub(crate) struct WhoArgs {
    /// The tenant
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: TenantId,

    /// Go on after this principal
    #[arg(long, value_name = "PRINCIPAL")]
    pub(crate) after: Option<String>,

    /// Principals of a page
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,

    /// Which ticket
    #[arg(value_parser = ticket_key, allow_negative_numbers = true)]
    pub(crate) ticket: TicketKey,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScopeCommand {
    /// Decide every conformance vector of a file with both evaluators; exit code 1 if one is wrong
    Check {
        /// A file of vectors: tenant, agents, tickets, presets and what is expected
        #[arg(value_name = "VECTORS.json")]
        vectors: PathBuf,
    },
    /// Show what a principal may see, and by which rule
    Show {
        /// The tenant
        #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
        tenant: TenantId,
        /// Whose scope
        principal: String,
    },
    /// List the roles of known help desks that principals may hold by name
    Presets,
}

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// The tenant
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: TenantId,
}

/// One tenant, or all.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct TenantsArgs {
    /// The tenant
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: Option<TenantId>,

    /// Every tenant
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Each tenant is in the backup as it stood at one moment, log and state; mapped snapshots and the text index \
                        are made anew by `restore`. Under its name there is a whole backup or none: it is written beside, \
                        with .partial after its name, and what an interruption left there is to be removed. Only its owner \
                        may read it, and it holds everything that the tenants hold. Keys, the audit log and the list of \
                        canaries are not in it."
)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    pub(crate) tenants: TenantsArgs,

    /// The directory to make; it must not exist
    #[arg(value_name = "TO")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is restored over a tenant that is there. Every checksum and row is verified, what follows from the \
                        rows (mapped snapshot, text index) is made and compared with them, and then the tenant gets its name. \
                        It goes on from the moment of the backup as a tenant of its own: programs must begin again with what \
                        they remember of positions and cursors, and send what came later once more."
)]
pub(crate) struct RestoreArgs {
    /// Only this tenant of the backup
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: Option<TenantId>,

    /// Give the tenant this name
    #[arg(long, value_name = "NAME", value_parser = tenant_id)]
    pub(crate) rename: Option<TenantId>,

    /// The directory of the backup
    #[arg(value_name = "FROM")]
    pub(crate) from: PathBuf,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A dump is loaded as an equal tenant: for every question, and for every later change, revisions that were seen \
                        included. Its lines are in an order of their own, so that equal tenants have equal dumps. What no line \
                        can say (there is hardly anything) ends it with exit code 1, or is named and left out."
)]
pub(crate) struct DumpArgs {
    /// The tenant
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: TenantId,

    /// The file to make, instead of stdout; it must not exist. With a name that ends in .zst it is compressed
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Leave out what no line can say, and name it
    #[arg(long)]
    pub(crate) keep_going: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// The tenant: a new one, or one that is empty
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: TenantId,

    /// The dump, plain or zstd; `-` is stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Only this tenant, and the data directory
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: Option<TenantId>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Make an empty tenant
    Create {
        /// Its name: a-z, 0-9, and after the first character also - and _
        #[arg(value_parser = tenant_id)]
        tenant: TenantId,
    },
    /// List the tenants
    List,
    /// Delete a tenant and everything in it, for good
    Delete {
        /// Its name
        #[arg(value_parser = tenant_id)]
        tenant: TenantId,
        /// Yes, delete it
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
#[command(
    after_help = "How sets are resolved (members, under, flags of the tenant) is judged by the point check, everything else by \
                        the oracle. Every ticket is held as a plain row, some KiB each, and looked at for every question: \
                        give a large tenant time and memory. Nothing may change meanwhile, and nothing can: the data \
                        directory is locked."
)]
pub(crate) struct VerifyArgs {
    /// The tenant
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: TenantId,

    /// How many random questions to ask, 1 to 1000000
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) questions: u32,

    /// Ask so many random questions about words instead, 1 to 1000000
    #[arg(long, value_name = "N", conflicts_with = "questions", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) words: Option<u32>,

    /// Also ask the queries of this file of JSON lines, {"query": "..."}, of words and numbers only: as the admin, and as
    /// the principals who see the fewest tickets, the middle number and the most
    #[arg(long, value_name = "FILE")]
    pub(crate) queries: Option<PathBuf>,

    /// Where the random numbers begin, to ask the same questions again; a failure names its seed
    #[arg(long, value_name = "SEED")]
    pub(crate) seed: Option<u64>,

    /// Also read every page, row, log row, mapped snapshot and file of the text index on disk, and compare that index with
    /// one made anew; exit code 4 if something is damaged
    #[arg(long)]
    pub(crate) full: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Without --tenant a help desk of the demo is made in a temporary directory, measured and removed: imports, \
                        changes and openings too. With --tenant that tenant of the data directory is measured as it is, and \
                        nothing is changed; the directory must be free, so stop its server or measure a copy.\n\n\
                        Times are of one question on one thread inside the process, without HTTP. Who asks are the principals \
                        who see the fewest tickets, a number in the middle and the most, and nobody's scope (unrestricted); \
                        what they ask for are the tenant's own words and values. Each question is asked by all of them in \
                        turn, some times before it is timed (warm) unless the row says cold. The files are in the memory of \
                        the system."
)]
pub(crate) struct BenchArgs {
    /// Tickets of the help desk that is made
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(100..=5_000_000))]
    pub(crate) tickets: u32,

    /// Measure this tenant instead, without changing it
    #[arg(long, value_name = "TENANT", conflicts_with = "tickets", value_parser = tenant_id)]
    pub(crate) tenant: Option<TenantId>,
}

fn tenant_id(text: &str) -> Result<TenantId, String> {
    TenantId::parse(text).map_err(|error| error.to_string())
}

fn ticket_key(text: &str) -> Result<TicketKey, String> {
    TicketKey::parse(text).map_err(|error| error.to_string())
}

fn timestamp(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| error.to_string())
}

fn format(text: &str) -> Result<Format, String> {
    text.parse::<Format>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}

/// Where a server listens if nobody says otherwise.
const LISTEN: &str = "127.0.0.1:7700";

#[derive(Debug, Args)]
pub(crate) struct SuggestArgs {
    /// The tenant
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: TenantId,

    #[command(flatten)]
    pub(crate) asker: AskerArgs,

    /// Suggest only values of this field
    #[arg(long, value_name = "FIELD")]
    pub(crate) field: Option<String>,

    /// Suggestions at most
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) limit: u32,

    /// What the suggestions begin with; case and accents do not matter
    #[arg(value_name = "PREFIX")]
    pub(crate) prefix: String,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", env = "TICKETSCOPE_LISTEN", default_value = LISTEN)]
    pub(crate) listen: SocketAddr,

    /// Let everybody on this machine ask as anybody, without keys; refused on any address but loopback
    #[arg(long, conflicts_with_all = ["token_keys", "token_issuer", "token_audience"])]
    pub(crate) dev: bool,

    /// Record one of so many questions of principals in the audit log, without their words; 0 for none. What admins ask
    /// is always recorded
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) audit_sample: u32,

    /// Public keys that agent tokens may be signed with: a JSON file
    #[arg(long, value_name = "FILE", env = "TICKETSCOPE_TOKEN_KEYS", requires_all = ["token_issuer", "token_audience"])]
    pub(crate) token_keys: Option<PathBuf>,

    /// The issuer that agent tokens must name
    #[arg(long, value_name = "NAME", env = "TICKETSCOPE_TOKEN_ISSUER", requires = "token_keys")]
    pub(crate) token_issuer: Option<String>,

    /// The audience that agent tokens must name
    #[arg(long, value_name = "NAME", env = "TICKETSCOPE_TOKEN_AUDIENCE", requires = "token_keys")]
    pub(crate) token_audience: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print it, once
    Create {
        /// What it lets its holder do: admin (everything), ingest (changes), search (ask as principals), metrics
        /// (read `/metrics`)
        #[arg(long, value_name = "CLASS")]
        class: KeyClass,

        /// The one tenant that it is good for, instead of all
        #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
        tenant: Option<TenantId>,
    },
    /// List the keys, without their secrets
    List,
    /// Give a key a new secret and print it, once; the old one stays good for a while
    Rotate {
        /// Its id, as `key list` shows it
        id: String,

        /// How long the old secret stays good, 0 to 168 hours
        #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=168))]
        overlap_hours: u32,
    },
    /// Take a key out of force
    Revoke {
        /// Its id, as `key list` shows it
        id: String,

        /// Only the secret that it had before it was rotated
        #[arg(long)]
        previous: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show the newest records, oldest first; with --json one a line
    Show(AuditShowArgs),
    /// Check that no record was altered, removed, added or moved; exit code 4 if one was
    #[command(
        after_help = "Whoever may write the data directory can write a whole new log. Keep the head that this prints \
                            elsewhere, and give it back with --head later: then everything up to it is proved."
    )]
    Verify {
        /// The head that was printed at some time before: it must still be in the log
        #[arg(long, value_name = "HASH")]
        head: Option<Hash>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AuditShowArgs {
    /// Only of this tenant
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: Option<TenantId>,

    /// Only of this action, like search, why, changes, stats
    #[arg(long, value_name = "ACTION")]
    pub(crate) action: Option<String>,

    /// Only from this moment on
    #[arg(long, value_name = "TIMESTAMP", value_parser = timestamp)]
    pub(crate) since: Option<Timestamp>,

    /// Records at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CanaryCommand {
    /// Plant canaries and say who sees them; exit code 1 if somebody does whose scope is restricted
    Plant {
        /// The tenant
        #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
        tenant: TenantId,
        /// How many, 1 to 1000
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
        count: u32,
    },
    /// List the canaries that are planted
    List {
        /// Only of this tenant
        #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
        tenant: Option<TenantId>,
    },
    /// Remove every canary of a tenant
    Remove {
        /// The tenant
        #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
        tenant: TenantId,
    },
}

#[derive(Debug, Args)]
#[command(
    after_help = "A new key is on standby: give the private key to whoever issues tokens, then promote it, and let them sign \
                        with it. The key that was current is previous from then on: its tokens are good until the last of them \
                        has died, 15 minutes at most. A running server sees every change within a second."
)]
pub(crate) struct SigningKeyArgs {
    /// The JSON file of public keys that the server is given with --token-keys
    #[arg(long, value_name = "FILE", env = "TICKETSCOPE_TOKEN_KEYS")]
    pub(crate) token_keys: PathBuf,

    #[command(subcommand)]
    pub(crate) command: SigningKeyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SigningKeyCommand {
    /// Make a standby key and print its private half, once
    Create {
        /// Its name in the headers of tokens
        kid: String,

        /// The one tenant whose tokens it may sign, instead of all
        #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
        tenant: Option<TenantId>,
    },
    /// List the keys
    List,
    /// Make a standby key current, or a previous one again; the current one is previous from now on
    Promote {
        /// Its name
        kid: String,
    },
    /// Take a key out of force at once, with every token that it signed
    Revoke {
        /// Its name
        kid: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SignOutArgs {
    /// The tenant
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: TenantId,

    /// Everybody of the tenant
    #[arg(long, conflicts_with = "principal", required_unless_present = "principal")]
    pub(crate) everybody: bool,

    /// Who
    pub(crate) principal: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct FieldsArgs {
    /// The tenant
    #[arg(long, value_name = "TENANT", value_parser = tenant_id)]
    pub(crate) tenant: TenantId,

    #[command(flatten)]
    pub(crate) asker: AskerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Tickets to make
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(100..=5_000_000))]
    pub(crate) tickets: u32,

    /// End after the tour
    #[arg(long)]
    pub(crate) no_serve: bool,

    /// The address to serve on; loopback only
    #[arg(long, value_name = "ADDRESS", default_value = LISTEN)]
    pub(crate) listen: SocketAddr,
}

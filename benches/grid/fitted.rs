//! Made-up tickets whose words and fields are as skewed as those of real ones.
//!
//! Fitted by eye and least squares to public sets (texts as runs of letters and digits, lower-cased):
//!
//! | what | law | of |
//! |---|---|---|
//! | share of the word of rank r | (r + 16)^-1.38 | the questions of a browser's support forum: 60,000 tickets, 142,261 words, mean square error of the logarithm 0.07 up to rank 50,000 |
//! | words of a ticket | log-normal, median 64, sigma 0.89 | the same: mean 96, ninth decile 175 |
//! | a word that stands there already | one in four | the same: the word of rank 1,000 is in 0.78% of the tickets, where independent draws give 1.06% |
//! | tickets of the group of rank r | (r + 1.5)^-1.4, 500 groups | exponent of 71 assignment groups of an incident desk, largest share 16% as of the forum's 154 topics (15%) |
//! | tags | four on average, (r + 2)^-1.3 | the forum: the first tag on 40%, the tenth on 5%, the hundredth on 0.5% |
//! | organization | (r + 0.3)^-1.1 | 710 companies of a consumer complaints register, the largest 26% |
//!
//! Status and priority are shares of an ordinary help desk: the public sets have none or derive it. Every tenth word is
//! followed by a companion, so that phrases occur. The smallest group has one ticket.

use std::sync::Arc;

use fastrand::Rng;
use ticketscope_model::TextClass;

use crate::ticket::Ticket;

const GROUPS: usize = 499;
const VOCABULARY: usize = 200_000;
const TAGS: usize = 1_500;
const ORGANIZATIONS: usize = 5_000;

/// Words of a ticket: mean and deviation of the logarithm, and the bounds.
const LENGTH: (f64, f64) = (4.157, 0.894);
const LONGEST: usize = 1_500;
const SHORTEST: usize = 4;

const STATUSES: &[(u32, &str)] =
    &[(55, "closed"), (22, "solved"), (12, "open"), (6, "pending"), (3, "hold"), (2, "new")];
const PRIORITIES: &[(u32, &str)] = &[(40, "normal"), (12, "low"), (8, "high"), (2, "urgent")];

/// 2022-01-01 and four years, in seconds.
const BEGIN: i64 = 1_640_995_200;
const SPAN: i64 = 4 * 365 * 86_400;

/// One in so many tickets was last changed in one go with the one before, at the same moment.
const BULK: u32 = 20;

/// The longest time from the first to the last change of a ticket: 30 days, in seconds.
const LONGEST_LIFE: f64 = 30.0 * 86_400.0;

/// A law of falling shares, (rank + offset)^-exponent for ranks from 1, in its continuous form: drawn in constant time
/// and without a table.
#[derive(Debug, Clone, Copy)]
struct Falling {
    offset: f64,
    power: f64,
    top: f64,
    bottom: f64,
    ranks: usize,
}

impl Falling {
    fn new(exponent: f64, offset: f64, ranks: usize) -> Self {
        let power = 1.0 - exponent;
        let (top, bottom) = ((0.5 + offset).powf(power), (ranks as f64 + 0.5 + offset).powf(power));
        Self { offset, power, top, bottom, ranks }
    }

    /// A rank, from 0.
    fn draw(&self, rng: &mut Rng) -> usize {
        let place = self.top - rng.f64() * (self.top - self.bottom);
        let rank = place.powf(1.0 / self.power) - self.offset;
        (rank.round() as usize).clamp(1, self.ranks) - 1
    }
}

/// The tickets, first to last; the same seed and number make the same ones.
#[derive(Debug)]
pub(crate) struct Tickets {
    rng: Rng,
    made: u64,
    count: u64,
    words: Falling,
    groups: (Falling, Vec<Arc<str>>),
    tags: (Falling, Vec<Arc<str>>),
    organizations: (Falling, Vec<Arc<str>>),
    /// When the last ticket was last changed, in seconds.
    updated: i64,
    /// Ranks of the words of the ticket that is being made.
    ranks: Vec<usize>,
}

impl Tickets {
    /// So many tickets.
    pub(crate) fn new(seed: u64, count: u64) -> Self {
        let names = |what: &str, count: usize| (1..=count).map(|rank| format!("{what}-{rank}").into()).collect();
        Self {
            rng: Rng::with_seed(seed),
            made: 0,
            count,
            words: Falling::new(1.38, 16.0, VOCABULARY),
            groups: (Falling::new(1.4, 1.5, GROUPS), names("group", GROUPS + 1)),
            tags: (Falling::new(1.3, 2.0, TAGS), names("tag", TAGS)),
            organizations: (Falling::new(1.1, 0.3, ORGANIZATIONS), names("organization", ORGANIZATIONS)),
            updated: BEGIN,
            ranks: Vec::new(),
        }
    }

    fn length(&mut self) -> usize {
        // Box and Muller's normal number.
        let (u, v) = (1.0 - self.rng.f64(), self.rng.f64());
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        ((LENGTH.0 + LENGTH.1 * normal).exp() as usize).clamp(SHORTEST, LONGEST)
    }

    fn text(&mut self) -> Vec<(TextClass, String)> {
        let length = self.length();
        self.ranks.clear();
        for _ in 0..length {
            let rank = match (self.rng.u32(..100), self.ranks.last()) {
                (..25, Some(_)) => self.ranks[self.rng.usize(..self.ranks.len())],
                (25..35, Some(last)) => last ^ 1,
                _ => self.words.draw(&mut self.rng),
            };
            self.ranks.push(rank);
        }
        let (subject, body) = self.ranks.split_at((length / 4 + 2).min(8));
        vec![(TextClass::Subject, sentence(subject)), (TextClass::Description, sentence(body))]
    }

    fn one_of(&mut self, choices: &[(u32, &str)]) -> Option<Arc<str>> {
        let mut left = self.rng.u32(..100);
        for (percent, value) in choices {
            match left.checked_sub(*percent) {
                Some(rest) => left = rest,
                None => return Some((*value).into()),
            }
        }
        None
    }
}

impl Iterator for Tickets {
    type Item = Ticket;

    fn next(&mut self) -> Option<Ticket> {
        if self.made == self.count {
            return None;
        }
        let number = self.made;
        self.made += 1;
        let group = if number == 0 { GROUPS } else { self.groups.0.draw(&mut self.rng) };
        let mut tags: Vec<usize> = (0..self.rng.usize(1..=7)).map(|_| self.tags.0.draw(&mut self.rng)).collect();
        tags.sort_unstable();
        tags.dedup();
        let organization = (self.rng.u32(..10) > 0).then(|| self.organizations.0.draw(&mut self.rng));
        let status = self.one_of(STATUSES);
        let priority = self.one_of(PRIORITIES);
        // Made one after the other over the span; half of them are last changed within a quarter of a day.
        let made = (SPAN as f64 * (number as f64 / self.count as f64)) as i64;
        if self.rng.u32(..BULK) > 0 {
            self.updated = BEGIN + made + (LONGEST_LIFE * self.rng.f64().powi(7)) as i64;
        }
        let text = self.text();
        Some(Ticket {
            id: 1_000 + i64::try_from(number).ok()? * 3,
            group: Arc::clone(&self.groups.1[group]),
            status,
            priority,
            organization: organization.map(|rank| Arc::clone(&self.organizations.1[rank])),
            tags: tags.into_iter().map(|rank| Arc::clone(&self.tags.1[rank])).collect(),
            updated: self.updated * 1_000,
            text,
        })
    }
}

fn sentence(ranks: &[usize]) -> String {
    let mut text = String::with_capacity(ranks.len() * 7);
    for rank in ranks {
        if !text.is_empty() {
            text.push(' ');
        }
        push_word(*rank, &mut text);
    }
    text
}

const CONSONANTS: &[u8; 20] = b"bcdfghjklmnpqrstvwxz";
const VOWELS: &[u8; 5] = b"aeiou";
const SYLLABLES: usize = CONSONANTS.len() * VOWELS.len();

/// The word of a rank: two syllables for the 10,000 most frequent, else three. The factors scatter the ranks over the
/// alphabet, so that words of all frequencies share a beginning.
fn push_word(rank: usize, text: &mut String) {
    const PAIRS: usize = SYLLABLES * SYLLABLES;
    let (mut code, syllables) =
        if rank < PAIRS { (rank * 3_697 % PAIRS, 2) } else { ((rank - PAIRS) * 7_919 % (PAIRS * SYLLABLES), 3) };
    for _ in 0..syllables {
        let syllable = code % SYLLABLES;
        code /= SYLLABLES;
        text.push(char::from(CONSONANTS[syllable / VOWELS.len()]));
        text.push(char::from(VOWELS[syllable % VOWELS.len()]));
    }
}

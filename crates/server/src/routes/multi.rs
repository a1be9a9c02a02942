//! Several questions in one request, all answered from one moment.
//!
//! What is wrong with a question is told in its place; what is wrong with the moment (the server is busy, the asker is over
//! budget, words are not indexed yet, a record cannot be kept) is the answer to the whole request, for it would be that to
//! every other question too, and a client that asks again asks for all of them.

use std::{collections::BTreeSet, io::Write as _, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use ticketscope_canary::{Guard, Sighting};

use super::{
    ENTRY,
    call::{Asked, read, waits_for_words},
};
use crate::{
    app::App,
    ask::{Reader, Showing},
    auth::{Asker, Caller},
    code::Code,
    cost::Costed,
    failure::Failure,
    multi::{ASK, Answered, Question},
    params::{MultiParams, Written},
    position::Position,
    reply::Asking,
    trace::Trace,
};

pub(super) async fn multi(State(app): State<Arc<App>>, request: Request) -> Result<Response<Body>, Failure> {
    let now = app.config.clock.now();
    let received = read::<MultiParams>(request, &app, Caller::may_ask).await?;
    let limits = &app.config.limits;
    let count = received.params.questions.len();
    if !(1..=limits.multi_questions as usize).contains(&count) {
        let message = format!("a request has 1 to {} questions, not {count}", limits.multi_questions);
        return Err(Failure::new(Code::BadParameter, message));
    }
    let mut questions: Vec<Result<Question, Failure>> = received.params.questions.iter().map(Question::read).collect();
    // The first came in with the request.
    let entering = (1..count).map(|_| ENTRY);
    app.costs.charge_together(&received.caller, entering.chain(questions.iter().flatten().map(Costed::cost)))?;
    let asker =
        received.caller.asker(&received.parts.headers, received.params.named.as_deref(), received.params.as_admin)?;
    received.trace.is_for(&asker);
    admit(&app, &received, &asker, &mut questions).await?;
    let text = settle_waits(received.position, &mut questions);
    let asking = Asking::new(&app, &received.parts, &received.tenant, &asker);
    let showing = Showing { position: received.position, text };
    let max_bytes = limits.multi_bytes as usize;
    let answer_all = move |reader: &Reader| {
        let mut answers = Answers::default();
        for question in &questions {
            answers.push(match question {
                Ok(question) => question.answer(reader, &asker, now),
                Err(failure) => Answered { body: Err(failure.clone()), could_tell: false },
            })?;
            if answers.bytes > max_bytes {
                break;
            }
        }
        Ok(answers)
    };
    let answers = app.read(received.tenant, showing, answer_all).await?;
    let body = answers.render(&app, &received.trace, &received.params.questions);
    app.pace(&asking, answers.telling).await;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body?).into_response())
}

/// Lets in the questions that `asker` may ask, and has those recorded that would be alone, before any is answered.
///
/// # Errors
/// [`Code::AuditUnavailable`], [`Code::OverBudget`].
async fn admit(
    app: &Arc<App>,
    received: &Asked<MultiParams>,
    asker: &Asker,
    questions: &mut [Result<Question, Failure>],
) -> Result<(), Failure> {
    let mut recorded = Vec::new();
    for (admitted, written) in questions.iter_mut().zip(&received.params.questions) {
        let Ok(question) = &*admitted else { continue };
        let trace = received.trace.of_question(question.action());
        if let Err(failure) = check_asker(received, asker, question) {
            let failure = app.note_refusal(&trace, failure).await;
            if failure.is_of_the_moment() {
                return Err(failure);
            }
            *admitted = Err(failure);
            continue;
        }
        let mut resource = written.params()?.clone();
        resource.shift_remove(ASK);
        match asker {
            Asker::Principal(id) if !received.caller.is_admin() => {
                app.sample(&trace, id);
                continue;
            }
            Asker::Principal(id) => resource.insert("as".to_owned(), id.as_str().into()),
            Asker::Admin => resource.insert("as_admin".to_owned(), true.into()),
        };
        recorded.push((trace, resource));
    }
    app.record_all(recorded).await
}

/// # Errors
/// What is wrong with the asker that a question names; [`Code::TwoAskers`] if it is another one than that of the request.
fn check_asker(received: &Asked<MultiParams>, asker: &Asker, question: &Question) -> Result<(), Failure> {
    let scoped = question.scoped();
    if scoped.named().is_none() && !scoped.as_admin() {
        return Ok(());
    }
    let own = received.caller.asker(&received.parts.headers, scoped.named(), scoped.as_admin())?;
    if own == *asker { Ok(()) } else { Err(Failure::of(Code::TwoAskers)) }
}

/// Whether a question waits for words; then all do, since they are answered together.
fn settle_waits(position: Option<Position>, questions: &mut [Result<Question, Failure>]) -> bool {
    let mut text = false;
    for question in questions {
        let Ok(read) = &*question else { continue };
        match waits_for_words(read.scoped().wait(), position) {
            Ok(waits) => text |= waits,
            Err(failure) => *question = Err(failure),
        }
    }
    text
}

/// The answers to the questions of one request, in their order.
#[derive(Debug, Default)]
struct Answers {
    bodies: Vec<Result<Vec<u8>, Failure>>,
    bytes: usize,
    /// How many times could tell more than their answers.
    telling: u32,
}

impl Answers {
    /// # Errors
    /// A failure that is not the question's alone.
    fn push(&mut self, Answered { body, could_tell }: Answered) -> Result<(), Failure> {
        if let Err(failure) = &body
            && failure.is_of_the_moment()
        {
            return Err(failure.clone());
        }
        self.telling += u32::from(could_tell);
        self.bytes += body.as_ref().map_or(0, Vec::len);
        self.bodies.push(body);
        Ok(())
    }

    /// The body of the whole.
    ///
    /// # Errors
    /// [`Code::BadParameter`] if the answers are larger together than one request may ask for.
    fn render(&self, app: &App, trace: &Trace, questions: &[Written]) -> Result<Vec<u8>, Failure> {
        let max = app.config.limits.multi_bytes;
        if self.bytes > max as usize {
            let message = format!("the answers have more than {max} bytes together: ask fewer questions, or for less");
            return Err(Failure::new(Code::BadParameter, message));
        }
        let failed = |error: serde_json::Error| Failure::hidden(Code::Internal, &error);
        let mut echoes = app.config.canaries.as_ref().map(|canaries| Echoes::new(canaries.guard()));
        let mut whole = br#"{"answers":["#.to_vec();
        for (at, (body, question)) in self.bodies.iter().zip(questions).enumerate() {
            if at > 0 {
                whole.push(b',');
            }
            let start = whole.len();
            match body {
                Ok(body) => append(&mut whole, StatusCode::OK, body),
                Err(failure) => {
                    app.report(failure, trace);
                    let (status, body) = failure.to_json(&trace.request_id).map_err(failed)?;
                    append(&mut whole, status, &body);
                }
            }
            if let Some(echoes) = &mut echoes {
                echoes.look(&whole[start..], body.is_err().then_some(question));
            }
        }
        whole.extend_from_slice(b"]}");
        if let Some(echoes) = echoes {
            trace.has_sent(echoes.harmless());
        }
        Ok(whole)
    }
}

/// One answer of the list.
fn append(whole: &mut Vec<u8>, status: StatusCode, body: &[u8]) {
    // Writing to memory does not fail.
    drop(write!(whole, r#"{{"status":{},"body":"#, status.as_u16()));
    whole.extend_from_slice(body);
    whole.push(b'}');
}

/// Words of canaries that come back to who sent them: an error may quote its own question. An answer may not, and neither
/// may an error quote the question beside it.
#[derive(Debug)]
struct Echoes {
    guard: Arc<Guard>,
    quoted: BTreeSet<Sighting>,
    told: BTreeSet<Sighting>,
}

impl Echoes {
    fn new(guard: Arc<Guard>) -> Self {
        Self { guard, quoted: BTreeSet::new(), told: BTreeSet::new() }
    }

    /// Looks at an answer; at an error with the question that it may quote.
    fn look(&mut self, answer: &[u8], refused: Option<&Written>) {
        if !self.guard.is_armed() {
            return;
        }
        let found = self.guard.find(&[answer]);
        let sent = match refused {
            Some(question) if !found.is_empty() => self.guard.find(&[question.to_json().as_bytes()]),
            _ => BTreeSet::new(),
        };
        let (quoted, told) = found.into_iter().partition::<BTreeSet<_>, _>(|sighting| sent.contains(sighting));
        self.quoted.extend(quoted);
        self.told.extend(told);
    }

    /// Those that nothing but errors about them tells.
    fn harmless(self) -> BTreeSet<Sighting> {
        let Self { quoted, told, .. } = self;
        quoted.into_iter().filter(|sighting| !told.contains(sighting)).collect()
    }
}

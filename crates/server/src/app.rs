use std::{sync::Arc, time::Instant};

use axum::http::HeaderMap;
use ticketscope_engine::{Engine, Tenant, storage::TenantId};

use crate::{
    ask::{self, Lack, Reader, Showing},
    auth::{Access, Caller},
    code::Code,
    config::{Config, Fault},
    cost::Costs,
    etag::Tags,
    failure::Failure,
    faults::Faults,
    hex,
    idempotency::Idempotency,
    metrics::Metrics,
    pool::Pool,
    position::Positions,
    room::Room,
    trace::Trace,
};

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) engine: Arc<Engine>,
    pub(crate) config: Config,
    pub(crate) positions: Positions,
    pub(crate) tags: Tags,
    pub(crate) costs: Costs,
    pub(crate) idempotency: Idempotency,
    pub(crate) metrics: Metrics,
    /// Those that requests meet.
    pub(crate) faults: Faults,
    pub(crate) questions: Pool,
    pub(crate) batches: Pool,
    /// For the operator's commands: some wait for words, and none of them for the questions of others.
    pub(crate) commands: Pool,
    /// Room for bodies of batches.
    pub(crate) room: Room,
    /// Room for long answers that are not read yet.
    pub(crate) answers: Room,
    /// For opening tenants, which may take seconds: it must not keep the questions of others from a thread.
    openings: Pool,
    /// For reads that wait for a position or for words: they use no processor, and must not keep others from one.
    waits: Pool,
    /// For records that wait for the disk: many at once, since they share one sync.
    pub(crate) records: Pool,
    /// For batches that wait for their words. Not the one above: an index made anew takes minutes.
    pub(crate) batch_waits: Pool,
}

/// A question that was answered, or that has to wait first.
enum Asked<T, F> {
    Answered(T),
    Early(Arc<Tenant>, Lack, F),
}

impl App {
    pub(crate) fn new(engine: Arc<Engine>, config: Config) -> Result<Self, getrandom::Error> {
        let limits = config.limits;
        let secret = match &config.access {
            Access::Checked { keys, .. } => keys.position_secret(),
            Access::Dev => {
                let mut secret = [0; 32];
                getrandom::fill(&mut secret)?;
                secret
            }
        };
        let pool = |threads, queue| Pool::new(threads, queue, limits.queue_wait);
        Ok(Self {
            engine,
            positions: Positions::new(secret),
            tags: Tags::new(secret),
            costs: Costs::new(&config.budgets, config.clock.clone()),
            idempotency: Idempotency::new(limits.idempotency, limits.idempotency_entries),
            metrics: Metrics::new(),
            faults: Faults::new(config.faults.clone()),
            questions: pool(limits.question_threads, limits.question_queue),
            // Half of them: the batches of one tenant wait for each other anyway.
            batches: Pool::with_lanes(
                limits.batch_threads,
                limits.batch_threads.div_ceil(2),
                limits.batch_queue,
                limits.queue_wait,
            ),
            // Of those who ask for the same tenant one opens it; the deadline of the request ends the wait of the others.
            openings: Pool::with_lanes(limits.question_threads.max(2), 1, limits.question_queue, limits.question),
            // Whoever waits at a terminal would rather wait than try again; the deadline of the request ends it.
            commands: Pool::new(limits.batch_threads, limits.batch_queue, limits.batch),
            room: Room::new(limits.bodies_bytes),
            answers: Room::new(limits.bodies_bytes),
            waits: pool(limits.question_queue, limits.question_queue),
            records: pool(limits.batch_threads, limits.question_queue),
            batch_waits: pool(limits.batch_threads, limits.batch_queue),
            config,
        })
    }

    /// The caller that the headers prove.
    ///
    /// # Errors
    /// [`Code::Unauthenticated`].
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Failure> {
        let operator = self.config.operator.as_ref().and_then(|operator| operator.key().caller(headers));
        operator.map_or_else(|| self.config.access.caller(headers, self.config.clock.now()), Ok)
    }

    /// Answers `question` from the tenant as it is now, or, if that does not show what it must, as soon as it does. A
    /// question that finds the text index not open is asked again once it is.
    ///
    /// # Errors
    /// What opening the tenant and `question` fail with; [`Code::Busy`], [`Code::PositionNotReached`],
    /// [`Code::TextNotReady`].
    pub(crate) async fn read<T, F>(&self, tenant: TenantId, showing: Showing, question: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Fn(&Reader) -> Result<T, Failure> + Send + 'static,
    {
        let mut question = question;
        // Each turn waits for something that was not there; the deadline of the request bounds them all.
        loop {
            let (engine, id) = (Arc::clone(&self.engine), tenant.clone());
            if !self.engine.is_open(&tenant) {
                let (engine, id) = (Arc::clone(&engine), id.clone());
                self.openings.run(Some(&tenant), move || Ok(engine.tenant(&id).map(drop)?)).await?;
            }
            let asked = self.questions.run(Some(&tenant), move || {
                let reader = Reader::open(&engine, &id)?;
                let lack = match reader.lacks(showing)? {
                    Some(lack) => lack,
                    None => match question(&reader) {
                        Err(failure) if failure.code == Code::TextNotReady => Lack::ANY_WORDS,
                        answer => return answer.map(Asked::Answered),
                    },
                };
                // What waits does not hold on to a moment that has passed.
                Ok(Asked::Early(reader.into_tenant(), lack, question))
            });
            match asked.await? {
                Asked::Answered(answer) => return Ok(answer),
                Asked::Early(held, lack, again) => {
                    let limits = &self.config.limits;
                    let patience = match lack {
                        Lack::Batch(_) => limits.position_wait,
                        Lack::Words(_) => limits.text_wait,
                    };
                    self.waits.run(Some(&tenant), move || ask::wait(&held, lack, patience)).await?;
                    question = again;
                }
            }
        }
    }

    /// Tells the operator of a failure, if it is the operator's business.
    pub(crate) fn report(&self, failure: &Failure, trace: &Trace) {
        if let Some(cause) = &failure.cause {
            let (code, request_id) = (failure.code.entry().name, Some(trace.request_id.clone()));
            let fault = Fault { code, tenant: trace.learned().tenant, request_id, cause: cause.clone(), left_out: 0 };
            self.faults.tell(fault, Instant::now());
        }
    }
}

/// A name for one request, to be found in answers and logs.
pub(crate) fn new_request_id() -> String {
    hex::encode(&fastrand::u64(..).to_le_bytes())
}

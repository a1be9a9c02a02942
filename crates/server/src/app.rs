use std::sync::Arc;

use ticketscope_engine::{Engine, storage::TenantId};
use ticketscope_model::Opstamp;

use crate::{
    ask::Reader,
    auth::Access,
    body::Room,
    code::Code,
    config::{Config, Fault},
    failure::Failure,
    hex,
    idempotency::Idempotency,
    metrics::Metrics,
    pool::Pool,
    position::Positions,
};

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) engine: Arc<Engine>,
    pub(crate) config: Config,
    pub(crate) positions: Positions,
    pub(crate) idempotency: Idempotency,
    pub(crate) metrics: Metrics,
    pub(crate) questions: Pool,
    pub(crate) batches: Pool,
    /// Room for bodies of batches.
    pub(crate) room: Room,
    /// For reads that wait for a position: they use no processor, and must not keep others from one.
    waits: Pool,
}

/// A question that was answered, or that has to wait first.
enum Asked<T, F> {
    Answered(T),
    Early(Reader, F),
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
            idempotency: Idempotency::new(limits.idempotency, limits.idempotency_entries),
            metrics: Metrics::new(),
            questions: pool(limits.question_threads, limits.question_queue),
            batches: pool(limits.batch_threads, limits.batch_queue),
            room: Room::new(limits.bodies_bytes),
            waits: pool(limits.question_queue, limits.question_queue),
            config,
        })
    }

    /// Answers `question` from the tenant as it is now, or, with a position, as soon as it shows that.
    ///
    /// # Errors
    /// What opening the tenant and `question` fail with; [`Code::Busy`], [`Code::PositionNotReached`].
    pub(crate) async fn read<T, F>(
        &self,
        tenant: TenantId,
        position: Option<Opstamp>,
        question: F,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, Failure> + Send + 'static,
    {
        let engine = Arc::clone(&self.engine);
        let asked = self.questions.run(move || {
            let reader = Reader::open(&engine, &tenant)?;
            if position.is_some_and(|position| !reader.shows(position)) {
                return Ok(Asked::Early(reader, question));
            }
            question(&reader).map(Asked::Answered)
        });
        match (asked.await?, position) {
            (Asked::Answered(answer), _) => Ok(answer),
            (Asked::Early(reader, question), Some(position)) => {
                let patience = self.config.limits.position_wait;
                let reader = self.waits.run(move || reader.wait(position, patience)).await?;
                self.questions.run(move || question(&reader)).await
            }
            (Asked::Early(..), None) => Err(Failure::of(Code::Internal)),
        }
    }

    /// Tells the operator of a failure, if it is the operator's business.
    pub(crate) fn report(&self, failure: &Failure, request_id: &str) {
        if let Some(cause) = &failure.cause {
            let code = failure.code.entry().name;
            let request_id = Some(request_id.to_owned());
            self.config.faults.tell(&Fault { code, request_id, cause: cause.clone() });
        }
    }
}

/// A name for one request, to be found in answers and logs.
pub(crate) fn new_request_id() -> String {
    hex::encode(&fastrand::u64(..).to_le_bytes())
}

use std::{collections::HashMap, sync::Arc};

use axum::body::Body;
use hyper::body::Body as _;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{auth::Payer, code::Code, failure::Failure};

/// The unit in which room is counted, in bytes.
const BLOCK: u64 = 1 << 20;

/// Memory for bodies that are held at once, counted in blocks, of which nobody gets everything.
///
/// Whoever holds some gets more only while as much stays free for others as would then be theirs: alone at most half, of
/// two each at most a third. So it takes more than one to fill it, and each who comes finds about as much as each who is
/// there has. Whoever holds nothing gets what there is: one body must fit, however large bodies may be beside the room.
#[derive(Debug)]
pub(crate) struct Room {
    free: Arc<Semaphore>,
    /// Blocks of each who holds any.
    held: Arc<Mutex<HashMap<Holder, u32>>>,
}

/// Who holds room. Those who pay nothing, as in development mode, are one.
type Holder = Option<Payer>;

/// Room that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Taken {
    held: Arc<Mutex<HashMap<Holder, u32>>>,
    holder: Holder,
    blocks: OwnedSemaphorePermit,
}

impl Room {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(bytes / (1 << 20))), held: Arc::default() }
    }

    /// Room for `body`, which has at most `max` bytes and counts as that long if it does not say.
    ///
    /// # Errors
    /// [`Code::Busy`] if there is too little; [`Code::OverShare`] if `holder` has its share of it.
    pub(crate) fn take(&self, holder: Holder, body: &Body, max: usize) -> Result<Taken, Failure> {
        let wanted = blocks(body, max);
        let mut held = self.held.lock();
        let own = held.get(&holder).copied().unwrap_or(0);
        let left = self.free.available_permits().checked_sub(wanted as usize);
        let left = left.ok_or_else(|| Failure::of(Code::Busy))?;
        if wanted > 0 && own > 0 && own.saturating_add(wanted) as usize > left {
            return Err(Failure::of(Code::OverShare));
        }
        let blocks = Arc::clone(&self.free).try_acquire_many_owned(wanted).or(Err(Failure::of(Code::Busy)))?;
        if wanted > 0 {
            held.insert(holder.clone(), own + wanted);
        }
        Ok(Taken { held: Arc::clone(&self.held), holder, blocks })
    }

    /// Room for a body of the operator, as soon as there is some: who has a terminal on this machine would rather wait, and
    /// is nobody to be shared with.
    ///
    /// # Errors
    /// [`Code::Busy`] if there never will be.
    pub(crate) fn wait(
        &self,
        body: &Body,
        max: usize,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit, Failure>> + use<> {
        let (free, blocks) = (Arc::clone(&self.free), blocks(body, max));
        async move { free.acquire_many_owned(blocks).await.or(Err(Failure::of(Code::Busy))) }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        let blocks = u32::try_from(self.blocks.num_permits()).unwrap_or(u32::MAX);
        if let Some(own) = held.get_mut(&self.holder) {
            *own = own.saturating_sub(blocks);
            if *own == 0 {
                held.remove(&self.holder);
            }
        }
    }
}

/// How much room `body` takes.
fn blocks(body: &Body, max: usize) -> u32 {
    let bytes = body.size_hint().upper().unwrap_or(u64::MAX).min(max as u64);
    u32::try_from(bytes.div_ceil(BLOCK)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> Payer {
        Payer::Key(id.into())
    }

    fn take(room: &Room, holder: &str, blocks: usize) -> Result<Taken, Code> {
        room.take(Some(key(holder)), &Body::from(vec![0; blocks << 20]), usize::MAX).map_err(|failure| failure.code)
    }

    fn refused(room: &Room, holder: &str, blocks: usize) -> Code {
        take(room, holder, blocks).map(drop).unwrap_err()
    }

    #[test]
    fn alone_one_gets_half_and_not_a_block_more_and_the_others_what_is_left() {
        let room = Room::new(8 << 20);
        let mut held: Vec<_> = (0..4).map(|_| take(&room, "a", 1).unwrap()).collect();
        assert_eq!(refused(&room, "a", 1), Code::OverShare);
        // Of what is left another gets as much as stays free, and at first whatever fits.
        let first = take(&room, "b", 2).unwrap();
        assert_eq!(refused(&room, "b", 1), Code::OverShare);
        assert_eq!(refused(&room, "c", 3), Code::Busy);
        let second = take(&room, "c", 2).unwrap();
        assert_eq!(refused(&room, "d", 1), Code::Busy);
        drop((first, second));
        // Three of eight would leave no three to the others beside one's own.
        held.truncate(3);
        held.push(take(&room, "a", 1).unwrap());
        assert_eq!(refused(&room, "a", 1), Code::OverShare);
        drop(held);
        assert!(room.held.lock().is_empty());
        assert_eq!(room.free.available_permits(), 8);
    }

    #[test]
    fn one_body_fits_however_large_and_what_takes_no_room_always_does() {
        let room = Room::new(3 << 20);
        let all = take(&room, "a", 3).unwrap();
        assert_eq!(refused(&room, "a", 1), Code::Busy);
        take(&room, "a", 0).unwrap();
        take(&room, "b", 0).unwrap();
        assert_eq!(refused(&room, "b", 1), Code::Busy);
        drop(all);
        assert_eq!(refused(&room, "b", 4), Code::Busy);
        take(&room, "b", 3).unwrap();
    }

    #[test]
    fn shares_are_of_keys_and_of_each_agent_and_of_all_who_pay_nothing_together() {
        let room = Room::new(12 << 20);
        let tenant = |id: &str| ticketscope_engine::storage::TenantId::parse(id).unwrap();
        let agent = |of: &str, id: &str| Payer::Agent(tenant(of), id.to_owned());
        let block = Body::from(vec![0; 1 << 20]);
        let mut held = Vec::new();
        for holder in [key("ann"), agent("acme", "ann"), agent("acme", "bob"), agent("other", "ann")] {
            held.push(room.take(Some(holder), &block, usize::MAX).unwrap());
        }
        held.push(room.take(None, &block, usize::MAX).unwrap());
        assert_eq!(room.held.lock().len(), held.len());
        held.push(room.take(None, &block, usize::MAX).unwrap());
        assert_eq!(room.held.lock()[&None], 2);
    }

    #[tokio::test]
    async fn whoever_waits_gets_the_room_that_others_leave() {
        let room = Room::new(2 << 20);
        let held = take(&room, "a", 2).unwrap();
        let waiting = tokio::spawn(room.wait(&Body::from(vec![0; 1 << 20]), usize::MAX));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(held);
        drop(waiting.await.unwrap().unwrap());
    }
}

//! The one task that owns all live calls: it takes inputs one after the other, carries out what the book plans, and
//! only then changes the book.
//!
//! Order of a transition: media seats first (they can be refused), then the commit, then the events, then the answer.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};

use super::{ids::Ids, outbox::Outbox, store_error};
use crate::{
    auth::grants::Actor,
    base::id::{CallId, ChannelId},
    call::{
        book::{Book, CallError, MediaAction, Notice, Plan},
        live::{LiveCall, Now},
        media_plane::MediaPlane,
        model::{CallKind, CallMode, EndReason},
        quality::QualityBook,
    },
    chat::error::{Code, ServiceError},
    runtime::clock,
    store::{CallStep, CallStepDone, Store, Then},
};

/// Inputs waiting for the desk. Full: the sender waits; front doors bound how many senders there are.
const INPUTS: usize = 256;
/// After a failed commit timers wait this long before they try again.
const RETRY: Duration = Duration::from_secs(1);

/// Readers take a short look; only the desk writes.
pub(super) type SharedBook = Arc<RwLock<Book>>;
/// Held for a moment by whoever measures, tells or saves.
pub(super) type SharedQuality = Arc<Mutex<QualityBook>>;
type Question = Box<dyn FnOnce(&Book, Now) -> Result<Plan, CallError> + Send>;

struct Input {
    question: Question,
    /// Whose session a media seat is for.
    actor: Option<Actor>,
    answer: oneshot::Sender<Result<Answer, ServiceError>>,
}

/// What became of an input.
#[derive(Debug)]
pub(super) struct Answer {
    /// The call afterwards; `None` if it is over.
    pub call: Option<LiveCall>,
    pub joined: Option<crate::base::id::ParticipantId>,
    pub existing: bool,
}

#[derive(Clone)]
pub(super) struct Desk {
    inputs: mpsc::Sender<Input>,
}

pub(super) struct DeskParts {
    pub book: SharedBook,
    pub store: Arc<dyn Store>,
    pub media: Arc<dyn MediaPlane>,
    pub out: Outbox,
    pub ids: Arc<Ids>,
    pub node: String,
    pub epoch: i64,
    pub heartbeat: Duration,
    pub quality: SharedQuality,
}

impl Desk {
    pub(super) fn start(parts: DeskParts) -> (Self, tokio::task::JoinHandle<()>) {
        let (inputs, queue) = mpsc::channel(INPUTS);
        (Self { inputs }, tokio::spawn(parts.run(queue)))
    }

    pub(super) async fn ask(
        &self,
        actor: Option<&Actor>,
        question: impl FnOnce(&Book, Now) -> Result<Plan, CallError> + Send + 'static,
    ) -> Result<Answer, ServiceError> {
        let (answer, answered) = oneshot::channel();
        let input = Input { question: Box::new(question), actor: actor.cloned(), answer };
        self.inputs.send(input).await.map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl DeskParts {
    async fn run(self, mut queue: mpsc::Receiver<Input>) {
        let mut beat = tokio::time::interval(self.heartbeat);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut not_before: Option<Instant> = None;
        loop {
            let due = self.look(Book::next_timeout).map(|at| not_before.map_or(at, |wait| at.max(wait)));
            // Cancel-safe: `recv` and `tick` lose nothing when another arm wins, the sleep is computed anew.
            tokio::select! {
                input = queue.recv() => {
                    let Some(input) = input else { return };
                    let plan = self.look(|book| (input.question)(book, now()));
                    let answer = match plan {
                        Ok(plan) => self.carry_out(plan, input.actor.as_ref()).await,
                        Err(error) => Err(call_error(error)),
                    };
                    let _ = input.answer.send(answer);
                }
                () = sleep_until(due) => not_before = self.expire().await,
                _ = beat.tick() => self.beat().await,
            }
        }
    }

    /// Timers; `Some` = the database failed, wait until then.
    async fn expire(&self) -> Option<Instant> {
        while let Some(plan) = self.look(|book| book.due(now())) {
            if let Err(error) = self.carry_out(plan, None).await {
                tracing::warn!(%error, "a call could not be brought up to date");
                return Some(clock::now() + RETRY);
            }
        }
        None
    }

    async fn beat(&self) {
        if self.look(Book::is_empty) {
            return;
        }
        if let Err(error) = self.store.touch_calls(&self.node, self.epoch, clock::wall_ms()).await {
            tracing::warn!(%error, "the heartbeat of the calls was not written");
        }
        let measured = self.quality().unsaved();
        if !measured.is_empty()
            && let Err(error) = self.store.note_quality(measured).await
        {
            tracing::warn!(%error, "the quality of the calls was not written");
        }
    }

    async fn carry_out(&self, mut plan: Plan, actor: Option<&Actor>) -> Result<Answer, ServiceError> {
        self.take_seats(&plan, actor)?;
        let step = plan.step.take();
        let notices = std::mem::take(&mut plan.notices);
        let plan = Arc::new(plan);
        match step {
            None => {
                self.apply(&plan);
                self.out.notices(notices, None);
            }
            Some(step) => {
                if let Err(error) = self.commit(step, &plan, notices).await {
                    self.give_seats_back(&plan);
                    return Err(error);
                }
            }
        }
        for action in &plan.media {
            match *action {
                MediaAction::Join(_) => {}
                MediaAction::Leave(who) => self.media.leave(plan.call, who),
                MediaAction::ForceMute(who) => self.media.force_mute(plan.call, who, true),
                MediaAction::LiftMute(who) => self.media.force_mute(plan.call, who, false),
                MediaAction::SetMuted(who, muted) => self.media.set_muted(plan.call, who, muted),
            }
        }
        Ok(Answer { call: plan.next.clone(), joined: plan.joined, existing: plan.existing })
    }

    async fn commit(
        &self,
        mut step: CallStep,
        plan: &Arc<Plan>,
        notices: Vec<Notice>,
    ) -> Result<(), ServiceError> {
        if let Some(create) = &mut step.create {
            create.node.clone_from(&self.node);
            create.epoch = self.epoch;
        }
        step.message = plan.leaves_line.then(|| self.ids.message());
        for stint in &mut step.left {
            stint.quality = self.quality().of(step.call, stint.participant);
        }
        let gone: Vec<_> = step.left.iter().map(|stint| stint.participant).collect();
        let note = CallNote::of(&step);
        let call = step.call;
        let (book, out, plan) = (self.book.clone(), self.out.clone(), plan.clone());
        let then: Then<CallStepDone> = Box::new(move |done| {
            // Before the events: who hears of a call can also find it.
            book.write().unwrap_or_else(PoisonError::into_inner).apply(&plan);
            out.notices(notices, Some(&done.audience));
            if let Some(line) = &done.message {
                out.message_line(line, &done.audience);
            }
        });
        let done = self.store.call_step(step, then).await.map_err(|error| match error {
            crate::store::StoreError::Duplicate => {
                ServiceError::new(Code::CallBusy, "the channel has a live call")
            }
            other => store_error(other, Code::NotFoundCall),
        })?;
        for who in gone {
            self.quality().forget(call, who);
        }
        note.write(done.duration_ms);
        Ok(())
    }

    fn quality(&self) -> MutexGuard<'_, QualityBook> {
        self.quality.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_seats(&self, plan: &Plan, actor: Option<&Actor>) -> Result<(), ServiceError> {
        let playout_delay = plan.next.as_ref().and_then(|call| call.playout_delay);
        for action in &plan.media {
            let MediaAction::Join(who) = *action else { continue };
            let seat = actor.map(|actor| self.media.join(plan.call, who, actor, playout_delay));
            if !matches!(seat, Some(Ok(()))) {
                return Err(ServiceError::new(Code::ServerFull, "no media capacity").retry_after(RETRY));
            }
        }
        Ok(())
    }

    fn give_seats_back(&self, plan: &Plan) {
        for action in &plan.media {
            if let MediaAction::Join(who) = *action {
                self.media.leave(plan.call, who);
            }
        }
    }

    fn apply(&self, plan: &Plan) {
        self.book.write().unwrap_or_else(PoisonError::into_inner).apply(plan);
    }

    fn look<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What an operator wants to see of a step.
struct CallNote {
    call: CallId,
    channel: ChannelId,
    began: Option<(CallMode, CallKind)>,
    ended: Option<EndReason>,
    peak: u32,
}

impl CallNote {
    fn of(step: &CallStep) -> Self {
        Self {
            call: step.call,
            channel: step.channel,
            began: step.create.as_ref().map(|new| (new.mode, new.kind)),
            ended: step.ended,
            peak: step.peak_participants,
        }
    }

    /// After the commit: what is logged has happened.
    fn write(&self, duration_ms: Option<i64>) {
        let Self { call, channel, peak, .. } = self;
        if let Some((mode, kind)) = self.began {
            tracing::info!(%call, %channel, mode = mode.as_str(), kind = kind.as_str(), "a call began");
        }
        if let Some(reason) = self.ended {
            let seconds = duration_ms.map(|ms| ms / 1_000);
            tracing::info!(%call, %channel, reason = reason.as_str(), seconds, peak, "a call ended");
        }
    }
}

pub(super) fn now() -> Now {
    Now { instant: clock::now(), wall_ms: clock::wall_ms() }
}

fn call_error(error: CallError) -> ServiceError {
    let code = match error {
        CallError::Unknown => Code::CallEnded,
        CallError::Full => Code::CallFull,
        CallError::State(_) => Code::ConflictState,
        CallError::NotHost => Code::PermDenied,
        CallError::NotInCall => Code::CallNotInCall,
        CallError::Locked => Code::CallLocked,
    };
    ServiceError::new(code, error.to_string())
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

fn stopped() -> ServiceError {
    ServiceError::new(Code::ServerDraining, "the server is stopping")
}

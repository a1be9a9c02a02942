//! One ticket, from its number.

use std::sync::Arc;

use fastrand::Rng;
use ticketscope_model::{Change, Fact, RawValue, TextPart, TicketKey, TicketPatch, Timestamp};

use crate::{
    calendar::{self, DAY, HOUR},
    data::{Data, data},
    desk::HelpDesk,
    draw::{Weights, chance, one, source, weighted},
    fields::{Field, Row},
    language::{ENGLISH, Language, SHARES},
    mentions::Mentions,
    people::{CrewMember, Customer},
    phrases::Topic,
    status::{Status, life},
    story::{Asker, STORIES, Story},
    text::{Conversation, Voices},
    writer::Writer,
};

const PRIORITIES: [(u32, &str); 5] = [(54, "normal"), (18, "low"), (15, "high"), (3, "urgent"), (10, "")];
const TYPES: [(u32, &str); 5] = [(45, "question"), (28, "incident"), (12, "problem"), (8, "task"), (7, "")];
const CHANNELS: [(u32, &str); 5] = [(48, "email"), (24, "web"), (14, "chat"), (10, "phone"), (4, "api")];
const VERDICTS: [(u32, &str); 5] =
    [(52, "good"), (16, "goodwithcomment"), (12, "bad"), (8, "badwithcomment"), (12, "offered")];

/// Who answers where nobody is assigned.
const THE_DESK: &str = "Ferrowick";

/// What tickets are drawn from.
#[derive(Debug)]
pub(crate) struct Dice {
    groups: Weights,
    brands: Weights,
    languages: Weights,
    /// For each language, the numbers of its organizations and their weights.
    organizations: Vec<(Vec<usize>, Weights)>,
    codes: Weights,
}

impl Dice {
    pub(crate) fn new() -> Self {
        let Data { groups, brands, organizations, .. } = data();
        let of = |language: Language| {
            let own: Vec<_> = (0..organizations.len()).filter(|at| organizations[*at].language == language).collect();
            let weights = Weights::falling(own.len(), 2);
            (own, weights)
        };
        Self {
            groups: Weights::falling(groups.len(), 4),
            brands: Weights::new(brands.iter().map(|brand| brand.percent)),
            languages: Weights::new(SHARES),
            organizations: Language::all().map(of).collect(),
            codes: Mentions::codes(),
        }
    }
}

/// A ticket before its text: who, where and what about.
#[derive(Debug)]
struct Draft {
    id: i64,
    created: Timestamp,
    group: Option<usize>,
    topic: Topic,
    language: Language,
    customer: Asking,
    assignee: Option<CrewMember>,
    status: Status,
    life: &'static str,
}

/// Who asks: a customer, an agent, or a stranger.
#[derive(Debug)]
enum Asking {
    Customer(usize),
    Agent(Arc<str>, Arc<str>),
    Nobody,
}

/// The change that makes the ticket with this number.
pub(crate) fn change(desk: &HelpDesk, number: u32) -> Change {
    let mut rng = source(desk.seed, 1, u64::from(number));
    let story = usize::try_from(number).ok().and_then(|at| STORIES.get(at));
    let draft = match story {
        Some(story) => Draft::of_story(desk, story),
        None => Draft::draw(desk, number, &mut rng),
    };
    draft.change(desk, story, rng)
}

impl Draft {
    fn draw(desk: &HelpDesk, number: u32, rng: &mut Rng) -> Self {
        let Data { groups, phrases, .. } = data();
        let created = calendar::created(number, desk.now);
        let age = desk.now.0.saturating_sub(created.0);
        let at = desk.dice.groups.draw(rng);
        let group = &groups[at];
        let topic = if chance(rng, 55) { group.topics[0] } else { *one(rng, &group.topics) };
        if chance(rng, 1) {
            let (customer, status, life) = (Asking::Nobody, Status::New, "spam");
            let (id, language) = (calendar::id(number), ENGLISH);
            return Self { id, created, group: None, topic, language, customer, assignee: None, status, life };
        }
        let (language, customer) = if group.internal {
            (ENGLISH, desk.people.employee(rng))
        } else {
            let wanted = Language(desk.dice.languages.draw(rng));
            let language = if phrases[wanted.0].topic(topic).is_some() { wanted } else { ENGLISH };
            (language, desk.draw_customer(language, rng))
        };
        let status = Status::at_age(age, rng);
        // Mail that no rule put into a group yet; what is done was somebody's.
        let placed = group.internal || status.is_done() || chance(rng, 92);
        let unassigned = if status == Status::New { 85 } else { 20 };
        let assignee = (placed && (status.is_done() || !chance(rng, unassigned))).then(|| desk.draw_assignee(at, rng));
        Self {
            id: calendar::id(number),
            created,
            group: placed.then_some(at),
            topic,
            language,
            customer: Asking::Customer(customer),
            assignee,
            status,
            life: life(status, age, rng),
        }
    }

    fn of_story(desk: &HelpDesk, story: &Story) -> Self {
        let told = &story.told;
        let at = data().groups.iter().position(|group| *group.id == *story.group);
        let at = at.expect("a test finds the group of every story");
        let crew = &desk.people.crews[at];
        let member = |id: &str| {
            let found = crew.iter().find(|member| *member.id == *id);
            found.cloned().expect("a test finds who works on a story")
        };
        let customer = match told.requester {
            Asker::Agent(id) => {
                let CrewMember { id, given } = member(id);
                Asking::Agent(id, given)
            }
            Asker::Of(id) => {
                let organization = data().organizations.iter().position(|organization| *organization.id == *id);
                let organization = organization.expect("a test finds the organization of every story");
                Asking::Customer(desk.people.first_customer_of(organization))
            }
        };
        Self {
            id: story.ticket,
            created: Timestamp(desk.now.0.saturating_sub(told.age * DAY)),
            group: Some(at),
            topic: data().groups[at].topics[0],
            language: ENGLISH,
            customer,
            assignee: told.assignee.map(member).or_else(|| crew.first().cloned()),
            status: Status::Open,
            life: "live",
        }
    }

    fn change(self, desk: &HelpDesk, story: Option<&Story>, mut rng: Rng) -> Change {
        let Data { groups, organizations, brands, names, phrases, tags, .. } = data();
        let asking = self.asking(desk);
        let organization = asking.and_then(|customer| customer.organization).map(|at| &organizations[at]);
        let brand = &brands[desk.dice.brands.draw(&mut rng)].id;
        let (customer, customer_name) = match (&self.customer, asking) {
            (Asking::Agent(id, given), _) => (Arc::clone(id), Arc::clone(given)),
            (_, Some(Customer { person, .. })) => (Arc::clone(&person.id), Arc::clone(&person.name)),
            (_, None) => (Arc::clone(&desk.stranger), Arc::clone(&desk.stranger)),
        };
        let voices = Voices {
            customer,
            customer_name,
            organization: organization.map(|organization| organization.name),
            agent: self.assignee.as_ref().map(|assignee| Arc::clone(&assignee.id)),
            language: Arc::clone(&desk.languages[self.language.0]),
            created: self.created,
            now: desk.now,
        };
        let agent = self.assignee.as_ref().map_or(THE_DESK, |assignee| &*assignee.given);
        let third = &names[self.language.0];
        let mentions = Mentions::draw(&mut rng, &desk.dice.codes, self.created, [&voices.customer_name, agent], third);
        let phrases = &phrases[self.language.0];
        let mut writer = Writer::new(phrases, &mentions, rng);
        let (text, updated) = self.text(&mut writer, &voices, story);

        let mut row = desk.fields.row();
        row.text(Field::Life, self.life);
        let group = self.group.map(|at| &groups[at]);
        if let Some(group) = group {
            row.text(Field::Group, Arc::clone(&group.id));
            row.text(Field::Department, Arc::clone(&group.department));
        }
        if let Some(assignee) = &self.assignee {
            row.text(Field::Assignee, Arc::clone(&assignee.id));
        }
        if !matches!(self.customer, Asking::Nobody) {
            row.text(Field::Requester, Arc::clone(&voices.customer));
        }
        if let Some(organization) = organization {
            row.text(Field::Organization, Arc::clone(&organization.id));
        }
        row.text(Field::Brand, Arc::clone(brand));
        row.text(Field::Status, self.status.name());
        row.text(Field::Language, Arc::clone(&voices.language));
        row.date(Field::CreatedAt, self.created);
        row.date(Field::UpdatedAt, updated);
        if writer.names_order {
            row.text(Field::OrderNumber, mentions.order());
        }
        if writer.names_amount {
            row.raw(Field::Amount, RawValue::Float(f64::from(mentions.cents) / 100.0));
        }
        if let Some(product) = writer.chosen(phrases.product) {
            row.text(Field::Product, product);
        }
        let mut rng = writer.rng;
        self.extras(&mut row, &mut rng, story, updated);
        if self.life != "spam" {
            row.list(Field::Tags, draw_tags(&tags.of[self.topic.0], &tags.any, &mut rng));
        }
        // Nobody from outside looks into a private group.
        if story.is_none() && group.is_some_and(|group| group.public) {
            desk.copies(&mut row, asking, &mut rng);
        }
        let key = TicketKey::Int(self.id);
        Change::state(Fact::Ticket(TicketPatch { key, fields: row.fields, replace: true, text }))
    }

    /// The customer who asks, if one does.
    fn asking<'d>(&self, desk: &'d HelpDesk) -> Option<&'d Customer> {
        match self.customer {
            Asking::Customer(at) => desk.people.customers.get(at),
            Asking::Agent(..) | Asking::Nobody => None,
        }
    }

    fn text(&self, writer: &mut Writer<'_>, voices: &Voices, story: Option<&Story>) -> (Vec<TextPart>, Timestamp) {
        let phrases = &data().phrases[self.language.0];
        let mut conversation = Conversation::new(voices);
        if let Some(Story { told, .. }) = story {
            conversation.opening(writer, told.subject.to_owned(), told.description.to_owned());
            for (class, body) in told.comments {
                conversation.comment(writer, *class, (*body).to_owned(), voices.agent.clone());
            }
        } else if let (Asking::Nobody, Some(spam)) = (&self.customer, &phrases.spam) {
            conversation.unwanted(writer, spam);
        } else {
            let topic = phrases.topic(self.topic).expect("a test finds every topic in English");
            conversation.about(writer, phrases, topic, self.status);
        }
        conversation.end()
    }

    /// Fields that depend on little else.
    fn extras(&self, row: &mut Row<'_>, rng: &mut Rng, story: Option<&Story>, updated: Timestamp) {
        let priority = story.map_or_else(|| weighted(rng, &PRIORITIES), |story| story.told.priority);
        for (field, value) in [
            (Field::Priority, priority),
            (Field::Type, weighted(rng, &TYPES)),
            (Field::Channel, weighted(rng, &CHANNELS)),
        ] {
            if !value.is_empty() {
                row.text(field, value);
            }
        }
        row.raw(Field::HasAttachment, RawValue::Bool(chance(rng, 18)));
        if self.status.is_done() {
            row.date(Field::SolvedAt, updated);
            if chance(rng, 30) {
                row.text(Field::Satisfaction, weighted(rng, &VERDICTS));
            }
        } else if chance(rng, 40) {
            let hours = rng.i64(4..=120);
            row.date(Field::DueAt, Timestamp(self.created.0.saturating_add(hours * HOUR)));
        }
    }
}

/// Up to two tags of the topic and perhaps one of the others.
fn draw_tags(own: &[Arc<str>], any: &[Arc<str>], rng: &mut Rng) -> Vec<Arc<str>> {
    let mut tags: Vec<Arc<str>> = (0..rng.usize(..=2)).map(|_| Arc::clone(one(rng, own))).collect();
    if chance(rng, 30) {
        tags.push(Arc::clone(one(rng, any)));
    }
    tags.sort_unstable();
    tags.dedup();
    tags
}

impl HelpDesk {
    fn draw_customer(&self, language: Language, rng: &mut Rng) -> usize {
        let (organizations, weights) = &self.dice.organizations[language.0];
        if chance(rng, 12) {
            self.people.private_customer(language, rng)
        } else {
            self.people.customer_of(organizations[weights.draw(rng)], rng)
        }
    }

    /// Mostly somebody of the group; in public groups, now and then an agent of another one. The cast stays in its
    /// groups, so that what they see can be told in a sentence.
    fn draw_assignee(&self, group: usize, rng: &mut Rng) -> CrewMember {
        if data().groups[group].public && chance(rng, 4) {
            return one(rng, &self.people.agents).person.crew_member();
        }
        one(rng, &self.people.crews[group]).clone()
    }

    /// Colleagues of the customer in copy, and agents who follow.
    fn copies(&self, row: &mut Row<'_>, asking: Option<&Customer>, rng: &mut Rng) {
        if let Some(Customer { person, organization: Some(at) }) = asking
            && chance(rng, 9)
        {
            let mut cc: Vec<_> = (0..rng.usize(1..=2)).map(|_| self.people.customer_of(*at, rng)).collect();
            cc.sort_unstable();
            cc.dedup();
            let cc = cc.into_iter().map(|at| &self.people.customers[at].person.id).filter(|id| **id != person.id);
            row.list(Field::Cc, cc.map(Arc::clone).collect());
        }
        if chance(rng, 4) {
            row.list(Field::Follower, vec![Arc::clone(&one(rng, &self.people.agents).person.id)]);
        }
    }
}

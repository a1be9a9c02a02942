//! Tickets that every desk has, each with a word that stands nowhere else.

use ticketscope_model::TextClass;

use crate::cast::{BRUNO, INES};

/// A ticket with a word by which it is found, and only it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Story {
    /// The ticket's id.
    pub ticket: i64,
    /// The word: lower case, in one part of this ticket and nowhere else in the desk.
    pub word: &'static str,
    /// The class of the part that holds it.
    pub class: TextClass,
    /// The ticket's group.
    pub group: &'static str,
    /// What it shows, in a sentence.
    pub line: &'static str,
    pub(crate) told: Told,
}

/// How the ticket reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) topic: &'static str,
    pub(crate) requester: Asker,
    /// An agent of the group, if it must be a certain one.
    pub(crate) assignee: Option<&'static str>,
    pub(crate) priority: &'static str,
    /// Days before now.
    pub(crate) age: i64,
    pub(crate) subject: &'static str,
    pub(crate) description: &'static str,
    /// What was said after that: class and body.
    pub(crate) comments: &'static [(TextClass, &'static str)],
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The busiest customer of an organization.
    Of(&'static str),
    /// An agent.
    Agent(&'static str),
}

/// In a private note: [`BRUNO`] finds it, [`ERIN`](crate::ERIN), who sees the same ticket, does not.
pub const SANDPIPER: Story = Story {
    ticket: 7_001,
    word: "sandpiper",
    class: TextClass::Private,
    group: "billing",
    line: "a private note on a billing ticket: found by who reads notes, not by who only sees the ticket",
    told: Told {
        topic: "billing",
        requester: Asker::Of("linden-row-hotels"),
        assignee: Some(BRUNO),
        priority: "high",
        age: 3,
        subject: "Credit note for the minibar fridges",
        description: "Hello,\n\nthe credit note for the twelve minibar fridges we returned in spring is still missing. Our \
                      accountant would like to close the quarter.\n\nKind regards,\nLinden Row Hotels",
        comments: &[
            (
                TextClass::Private,
                "This is their third credit note within a quarter and the fridges never reached our warehouse. The \
                 internal review runs under the name Sandpiper; say nothing to the customer and book nothing before it \
                 is over.",
            ),
            (
                TextClass::Public,
                "Thank you for your patience. We are checking the receipt of the goods and will write again on Monday.",
            ),
        ],
    },
};

/// In a public comment of the same group: both of them find it.
pub const PELICAN: Story = Story {
    ticket: 7_002,
    word: "pelican",
    class: TextClass::Public,
    group: "billing",
    line: "a public comment on a billing ticket: found by everybody who sees the ticket",
    told: Told {
        topic: "billing",
        requester: Asker::Of("tidewell-marine"),
        assignee: Some(BRUNO),
        priority: "normal",
        age: 5,
        subject: "Harbour dues on the freight invoice",
        description: "Good morning,\n\nyour freight invoice lists harbour dues twice, once for each leg of the \
                      journey. Please check.\n\nBest regards,\nTidewell Marine",
        comments: &[(
            TextClass::Public,
            "You are right: the barge Pelican called at the port only once. The second entry has been removed and a \
             corrected invoice is attached.",
        )],
    },
};

/// In the subject of a ticket of a private group: found by that group and the unrestricted, by nobody else.
pub const NIGHTJAR: Story = Story {
    ticket: 7_003,
    word: "nightjar",
    class: TextClass::Subject,
    group: "security",
    line: "a ticket of a private group: for everybody else it does not exist",
    told: Told {
        topic: "security",
        requester: Asker::Agent(INES),
        assignee: Some(INES),
        priority: "urgent",
        age: 2,
        subject: "Operation Nightjar: access badge of a former administrator still opens the server room",
        description: "The badge was used at 02:14 on two nights. Keep this inside the incident team until the locks \
                      have been changed.",
        comments: &[(
            TextClass::Private,
            "Door log secured. The badge number belongs to the batch that was never collected.",
        )],
    },
};

/// In a ticket of a group that [`BRUNO`] is not in: he finds it as soon as he joins `hardware`.
pub const CORMORANT: Story = Story {
    ticket: 7_004,
    word: "cormorant",
    class: TextClass::Description,
    group: "hardware",
    line: "a ticket of another group: found the moment its reader becomes a member",
    told: Told {
        topic: "hardware",
        requester: Asker::Of("fenwater-farms"),
        assignee: None,
        priority: "normal",
        age: 4,
        subject: "Scale at the packing station drifts",
        description: "Hi team,\n\nthe scale that we call Cormorant, at the end of the packing line, is off by forty \
                      grams after every cold night. Could somebody recalibrate it?\n\nThanks,\nFenwater Farms",
        comments: &[(TextClass::Public, "A technician with reference weights comes by this week.")],
    },
};

/// Every story. They are the first tickets of a desk, in this order.
pub const STORIES: [Story; 4] = [SANDPIPER, PELICAN, NIGHTJAR, CORMORANT];

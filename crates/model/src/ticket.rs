use crate::FieldId;

/// What a rule may ask of one ticket. Implemented by the index (from its columns) and by the oracle (from its rows),
/// so that a rule can be judged ticket by ticket without knowing where tickets live.
pub trait TicketFields {
    /// Whether any value of `field` satisfies `test`. A ticket without the field has no value to test.
    fn any_value(&self, field: FieldId, test: &mut dyn FnMut(&str) -> bool) -> bool;

    /// Whether the ticket has no value of `field`.
    fn is_unset(&self, field: FieldId) -> bool;
}

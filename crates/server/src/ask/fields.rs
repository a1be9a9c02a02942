use ticketscope_query as query;

use super::Reader;
use crate::{
    answer::{Field, Fields},
    auth::Asker,
    failure::Failure,
};

impl Reader {
    /// The fields of which a ticket that the asker sees holds a value.
    ///
    /// # Errors
    /// [`crate::code::Code::UnknownPrincipal`].
    pub(crate) fn fields(&self, asker: &Asker) -> Result<Fields, Failure> {
        let schema = self.snapshot().schema();
        let held = query::fields(self.snapshot(), self.access(asker)?);
        let fields = held.into_iter().filter_map(|id| schema.by_id(id));
        let field = |def: &ticketscope_model::FieldDef| Field {
            name: def.name.to_string(),
            kind: def.kind.name(),
            many: def.many,
        };
        Ok(Fields { fields: fields.map(field).collect() })
    }
}

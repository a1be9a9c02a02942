use std::{collections::HashSet, sync::Arc};

use model::{
    FieldId, Listing, Member, PrincipalFact, RelFact, RelationSide, RoleFact, SchemaDecl, TenantRelFact, ValueFact,
};
use scope::RoleError;
use ticketscope_model as model;
use ticketscope_scope as scope;

use super::Resolver;
use crate::{
    facts::{FactCell, FactKey, State, compare_states},
    refusal::Refusal,
    revs::takes_effect,
    session::belongs,
};

impl Resolver<'_> {
    pub(super) fn declare(&mut self, decl: &SchemaDecl) -> Result<(), Refusal> {
        let mut next = (*self.working.schema).clone();
        next.declare(decl).map_err(Refusal::Declare)?;
        let widened: Vec<FieldId> = next
            .fields()
            .iter()
            .filter(|now| now.many && self.working.schema.by_id(now.id).is_some_and(|was| !was.many))
            .map(|now| now.id)
            .collect();
        for id in &widened {
            // Tickets that the batch has already taken the field from hold it no longer.
            let freed: HashSet<u32> = self
                .drafts
                .values()
                .filter(|draft| draft.lost(*id))
                .filter_map(|draft| Some(draft.before?.0))
                .collect();
            let held = self.working.index.field(*id).map(ticketscope_bitmap::FieldIndex::has);
            let stored = held.is_some_and(|held| held.iter().any(|ord| !freed.contains(&ord)));
            let drafted =
                self.drafts.values().any(|draft| draft.exists && draft.fields.get(*id).is_some_and(|v| !v.is_empty()));
            if let Some(def) = next.by_id(*id).filter(|_| stored || drafted) {
                return Err(Refusal::InUse(Arc::clone(&def.name)));
            }
        }
        let mut declared = match self.working.facts.get(&FactKey::Schema).and_then(|cell| cell.state.as_ref()) {
            Some(State::Schema(declared)) => declared.clone(),
            _ => SchemaDecl::default(),
        };
        for field in &decl.fields {
            // The form as it stands now: a field declared many and then once more without stays many.
            if let Some(def) = next.field(&field.name) {
                let now = model::FieldDecl { name: Arc::clone(&def.name), kind: def.kind, many: def.many };
                match declared.fields.iter_mut().find(|known| known.name == now.name) {
                    Some(known) => *known = now,
                    None => declared.fields.push(now),
                }
            }
        }
        declared.relations.extend(decl.relations.iter().cloned());
        declared.relations.sort();
        declared.relations.dedup();
        declared.languages = next.declared_languages().cloned().collect();
        let held = self.working.facts.get(&FactKey::Schema).and_then(|cell| cell.state.as_ref());
        if matches!(held, Some(State::Schema(known)) if *known == declared) {
            return Ok(());
        }
        self.working.schema = Arc::new(next);
        self.working.directory.set_schema(Arc::clone(&self.working.schema));
        // Stating a schema cannot fail in the directory: only roles can.
        let stated = self.put_fact(FactKey::Schema, FactCell { rev: None, state: Some(State::Schema(declared)) });
        stated.map_err(|error| Refusal::Role { id: "".into(), error })
    }

    /// Offers a statement (`Some`) or a removal (`None`) of a fact that is known only by itself.
    fn offer(
        &mut self,
        rev: Option<i64>,
        key: FactKey,
        state: Option<State>,
        floor: Option<i64>,
    ) -> Result<(), RoleError> {
        let known = self.working.facts.get(&key);
        let old = known.and_then(|cell| cell.rev).max(floor);
        let held = known.and_then(|cell| cell.state.as_ref());
        let holds = takes_effect(rev, old, || compare_states(state.as_ref(), held));
        if !holds {
            return Ok(());
        }
        let unchanged = match known {
            Some(cell) => cell.state == state && rev.max(old) == cell.rev,
            None => state.is_none() && rev.is_none(),
        };
        if unchanged {
            return Ok(());
        }
        self.put_fact(key, FactCell { rev: rev.max(old), state })
    }

    /// Offers a fact that is no role, which the directory cannot refuse.
    fn offer_plain(&mut self, rev: Option<i64>, key: FactKey, state: Option<State>, floor: Option<i64>) {
        // A fact that was acknowledged and is not in force would be worse than no answer.
        self.offer(rev, key, state, floor).expect("the directory refuses nothing but roles");
    }

    pub(super) fn apply_role(&mut self, rev: Option<i64>, gone: bool, role: RoleFact) -> Result<(), Refusal> {
        let refuse = |id: &Arc<str>, error| Refusal::Role { id: Arc::clone(id), error };
        let id = Arc::clone(&role.id);
        self.working.directory.check_role(&role).map_err(|error| refuse(&id, error))?;
        let state = (!gone).then_some(State::Role(role));
        self.offer(rev, FactKey::Role(Arc::clone(&id)), state, None).map_err(|error| refuse(&id, error))
    }

    pub(super) fn apply_value(&mut self, rev: Option<i64>, gone: bool, line: ValueFact) -> Result<(), Refusal> {
        let Some(def) = self.working.schema.field(&line.field) else {
            return Err(Refusal::UnknownField { name: line.field, nearest: None });
        };
        let line = ValueFact { field: Arc::clone(&def.name), ..line };
        let key = FactKey::Value(Arc::clone(&line.field), Arc::clone(&line.id));
        self.note(gone, &key);
        self.offer_plain(rev, key, (!gone).then_some(State::Value(line)), None);
        Ok(())
    }

    pub(super) fn apply_tenant_rel(
        &mut self,
        rev: Option<i64>,
        gone: bool,
        fact: &TenantRelFact,
    ) -> Result<(), Refusal> {
        let rel = self.relation(&fact.rel, RelationSide::Tenant)?;
        let key = FactKey::TenantRel(rel, Arc::clone(&fact.value));
        self.offer_plain(rev, key, (!gone).then_some(State::Stated), None);
        Ok(())
    }

    pub(super) fn apply_principal(
        &mut self,
        rev: Option<i64>,
        gone: bool,
        principal: PrincipalFact,
    ) -> Result<(), Refusal> {
        // Found out now, it is one refused line; found out later, every question of this person would fail.
        if let Some(zone) = principal.time_zone.as_ref().filter(|zone| jiff::tz::TimeZone::get(zone).is_err()) {
            return Err(Refusal::TimeZone(Arc::clone(zone)));
        }
        let key = FactKey::Principal(Arc::clone(&principal.id));
        self.note(gone, &key);
        self.offer_plain(rev, key, (!gone).then_some(State::Principal(principal)), None);
        Ok(())
    }

    pub(super) fn apply_member(&mut self, rev: Option<i64>, gone: bool, member: Member) {
        let key = FactKey::Member(member.group, member.user);
        self.note(gone, &key);
        self.offer_plain(rev, key, (!gone).then_some(State::Stated), None);
    }

    pub(super) fn apply_rel(&mut self, rev: Option<i64>, gone: bool, fact: RelFact) -> Result<(), Refusal> {
        let rel = self.relation(&fact.rel, RelationSide::My)?;
        let RelFact { principal, value, level, .. } = fact;
        let floor_key = FactKey::RelFloor(Arc::clone(&principal), Arc::clone(&rel), Arc::clone(&value));
        let floor = self.working.facts.get(&floor_key).and_then(|cell| cell.rev);
        let key = FactKey::Rel(Arc::clone(&principal), Arc::clone(&rel), Arc::clone(&value), level.clone());
        self.note(gone, &key);
        if !gone || level.is_some() {
            self.offer_plain(rev, key, (!gone).then_some(State::Stated), floor);
            return Ok(());
        }
        // Removing without a level removes every level that is known, and with a revision those yet to arrive.
        let from = FactKey::Rel(Arc::clone(&principal), Arc::clone(&rel), Arc::clone(&value), None);
        let levels: Vec<FactKey> = self
            .working
            .facts
            .range(from..)
            .map(|(key, _)| key)
            .take_while(|key| matches!(key, FactKey::Rel(p, r, v, _) if *p == principal && *r == rel && *v == value))
            .cloned()
            .collect();
        for key in levels {
            self.offer_plain(rev, key, None, floor);
        }
        if rev > floor {
            let cell = FactCell { rev, state: None };
            self.put_fact(floor_key, cell).expect("the directory knows nothing of floors");
        }
        Ok(())
    }

    /// Removes every fact of a listed kind that the import did not state.
    pub(super) fn remove_unlisted(&mut self, rev: Option<i64>, what: Listing) {
        let unlisted: Vec<FactKey> =
            self.working.facts.keys().filter(|key| belongs(key, what) && !self.session.has(key)).cloned().collect();
        for key in unlisted {
            self.offer_plain(rev, key, None, None);
        }
    }

    fn relation(&self, name: &str, side: RelationSide) -> Result<Arc<str>, Refusal> {
        self.working.directory.check_rel_name(name, side).map_err(Refusal::Relation)
    }

    fn note(&mut self, gone: bool, key: &FactKey) {
        if !gone {
            self.session.note(key.clone());
        }
    }
}

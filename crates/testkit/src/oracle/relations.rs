//! What `my.`, `tenant.`, `members()` and `under()` mean.

use std::collections::BTreeSet;

use ticketscope_model::ValueFact;

use super::{Set, World};

type Ids = BTreeSet<String>;

impl World {
    /// The values of `set` for `principal`; `tree` is the field whose parents `under()` follows.
    pub(super) fn resolve(&self, set: &Set, principal: &str, tree: &str) -> Ids {
        match set {
            Set::Me => Ids::from([principal.to_owned()]),
            Set::My { rel, level } => self.my(principal, &self.canonical_relation(rel), level.as_deref()),
            Set::Tenant(rel) => self.tenant(&self.canonical_relation(rel)),
            Set::Members(groups) => {
                let groups = self.resolve(groups, principal, "group");
                let members = self.members().filter(|(group, _)| groups.contains(*group));
                members.map(|(_, user)| user.to_owned()).collect()
            }
            Set::Under(roots) => self.under(self.resolve(roots, principal, tree), tree),
            Set::Values(values) => values.iter().cloned().collect(),
            Set::Plus(a, b) => &self.resolve(a, principal, tree) | &self.resolve(b, principal, tree),
            Set::Minus(a, b) => &self.resolve(a, principal, tree) - &self.resolve(b, principal, tree),
        }
    }

    /// `my.rel` and `my.rel[level]`: the level asked for, or `full`. Shared organizations are those given directly and
    /// the principal's own ones that the tenant shares, but none that the tenant says is not shared.
    fn my(&self, principal: &str, rel: &str, level: Option<&str>) -> Ids {
        let mut values: Ids = self
            .relation_values(principal, rel)
            .filter(|(_, held)| level.is_none() || *held == level || *held == Some("full"))
            .map(|(value, _)| value.to_owned())
            .collect();
        if rel == "shared_organizations" {
            let own = self.my(principal, "organizations", level);
            values.extend(&own & &self.tenant("shared_organizations"));
            values = &values - &self.values_where("organization", |line| line.flags.shared == Some(false));
        }
        values
    }

    /// `tenant.rel`: what the flags of groups and organizations say and what is given directly, less what a flag
    /// says the opposite of.
    fn tenant(&self, rel: &str) -> Ids {
        let direct = self.tenant_relation_values(rel).map(str::to_owned).collect::<Ids>();
        match rel {
            "public_groups" => {
                let (yes, no) = (Some(true), Some(false));
                &(&direct | &self.values_where("group", |line| line.flags.public == yes))
                    - &self.values_where("group", |line| line.flags.public == no)
            }
            "private_groups" => {
                let (yes, no) = (Some(true), Some(false));
                &(&direct | &self.values_where("group", |line| line.flags.public == no))
                    - &self.values_where("group", |line| line.flags.public == yes)
            }
            "active_groups" => {
                let no = Some(false);
                &(&direct | &self.values_where("group", |line| line.flags.active != no))
                    - &self.values_where("group", |line| line.flags.active == no)
            }
            "shared_organizations" => {
                let (yes, no) = (Some(true), Some(false));
                &(&direct | &self.values_where("organization", |line| line.flags.shared == yes))
                    - &self.values_where("organization", |line| line.flags.shared == no)
            }
            _ => direct,
        }
    }

    /// The values of `field` about which something is stated that passes `test`.
    fn values_where(&self, field: &str, test: impl Fn(&ValueFact) -> bool) -> Ids {
        self.value_lines().filter(|line| &*line.field == field && test(line)).map(|line| line.id.to_string()).collect()
    }

    /// `roots` and everything below them: children are taken in until there are no more, so a cycle ends too.
    fn under(&self, roots: Ids, tree: &str) -> Ids {
        let mut found = roots;
        loop {
            let below = |line: &ValueFact| line.parent.as_deref().is_some_and(|parent| found.contains(parent));
            let children = self.values_where(tree, below);
            if children.is_subset(&found) {
                return found;
            }
            found.extend(children);
        }
    }
}

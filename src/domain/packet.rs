//! The go/no-go packet: what must be shown before a tenant's money is real (contract identity-and-money 12).

use serde::{Deserialize, Serialize};

/// How one item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ItemStatus {
    #[default]
    Pending,
    Go,
    NoGo,
}

/// One item: its status, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct PacketItem {
    pub status: ItemStatus,
    pub evidence: Option<String>,
    pub note: Option<String>,
}

impl PacketItem {
    fn is_go(&self) -> bool {
        self.status == ItemStatus::Go && self.evidence.as_ref().is_some_and(|evidence| !evidence.trim().is_empty())
    }
}

/// The seven items, no more and no fewer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct PacketItems {
    pub hosted_health: PacketItem,
    pub hosted_activation: PacketItem,
    pub provider: PacketItem,
    pub webhook: PacketItem,
    pub reconciliation: PacketItem,
    pub support: PacketItem,
    pub rollback: PacketItem,
}

impl PacketItems {
    /// Whether live money may move: every item `go`, with evidence.
    pub fn is_complete(&self) -> bool {
        let Self { hosted_health, hosted_activation, provider, webhook, reconciliation, support, rollback } = self;
        [hosted_health, hosted_activation, provider, webhook, reconciliation, support, rollback].into_iter().all(PacketItem::is_go)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_item_without_go_or_evidence_keeps_live_money_still() {
        let go = || PacketItem { status: ItemStatus::Go, evidence: Some("seen".to_owned()), note: None };
        let all = PacketItems {
            hosted_health: go(),
            hosted_activation: go(),
            provider: go(),
            webhook: go(),
            reconciliation: go(),
            support: go(),
            rollback: go(),
        };
        assert!(all.is_complete());
        assert!(!PacketItems::default().is_complete());
        assert!(!PacketItems { rollback: PacketItem { evidence: Some(" ".to_owned()), ..go() }, ..all.clone() }.is_complete());
        assert!(!PacketItems { support: PacketItem { status: ItemStatus::NoGo, ..go() }, ..all }.is_complete());
    }
}

//! Reservations: money held for a purpose, `reserved -> captured | released | expired`.
//!
//! Invariant: a reservation is resolved exactly once, and what it captured and freed together is what it reserved.
//! From its deadline on (`now >= expires_at`) it counts as expired, whether or not an alarm has run.

use serde::{Deserialize, Serialize};

use super::id::WalletId;
use super::ledger::{Account, Transfer, TransferError};
use super::money::{Micros, MoneyError};
use super::time::Timestamp;

/// How far a reservation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReservationStatus {
    Reserved,
    Captured,
    Released,
    Expired,
    /// Its money is held until a human decides.
    PendingApproval,
}

impl ReservationStatus {
    pub const ALL: [Self; 5] = [Self::Reserved, Self::Captured, Self::Released, Self::Expired, Self::PendingApproval];

    /// The name the status is stored and shown by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Captured => "captured",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::PendingApproval => "pending_approval",
        }
    }

    /// Whether its money is held.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Reserved | Self::PendingApproval)
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What of a reservation decides its fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    pub wallet: WalletId,
    pub amount: Micros,
    pub status: ReservationStatus,
    pub captured: Option<Micros>,
    pub expires_at: Timestamp,
}

/// Why a reservation cannot be resolved so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationError {
    /// It was captured or released before.
    Resolved,
    /// Its deadline has passed.
    Expired,
    /// More would be captured than it holds.
    CaptureExceeds,
    /// A human has to decide first.
    ApprovalPending,
}

/// What a capture does: `captured` leaves the wallet, `freed` goes back to what is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture {
    pub captured: Micros,
    pub freed: Micros,
}

impl Reservation {
    /// Whether it is still open though its deadline has come: it must be expired before anything else is decided.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.status.is_open() && now >= self.expires_at
    }

    /// Decides a capture of `amount`, or of everything. A repeat of the capture that was made is answered again.
    pub fn capture(&self, amount: Option<Micros>, now: Timestamp) -> Result<Capture, ReservationError> {
        let asked = amount.unwrap_or(self.amount);
        match self.status {
            _ if self.is_due(now) => Err(ReservationError::Expired),
            ReservationStatus::Reserved => self.split(asked),
            ReservationStatus::PendingApproval => Err(ReservationError::ApprovalPending),
            ReservationStatus::Captured if self.captured == Some(asked) => self.split(asked),
            ReservationStatus::Captured | ReservationStatus::Released => Err(ReservationError::Resolved),
            ReservationStatus::Expired => Err(ReservationError::Expired),
        }
    }

    fn split(&self, asked: Micros) -> Result<Capture, ReservationError> {
        match self.amount.checked_sub(asked) {
            Ok(freed) => Ok(Capture { captured: asked, freed }),
            Err(MoneyError::Negative | MoneyError::TooLarge | MoneyError::Malformed) => Err(ReservationError::CaptureExceeds),
        }
    }

    /// Decides a release: `Ok(true)` frees the money, `Ok(false)` repeats an end that freed it before.
    pub fn release(&self) -> Result<bool, ReservationError> {
        match self.status {
            ReservationStatus::Reserved | ReservationStatus::PendingApproval => Ok(true),
            ReservationStatus::Released | ReservationStatus::Expired => Ok(false),
            ReservationStatus::Captured => Err(ReservationError::Resolved),
        }
    }

    /// The transfer that holds the money.
    pub fn hold(wallet: WalletId, amount: Micros) -> Result<Transfer, TransferError> {
        Transfer::new(Account::Available(wallet), Account::Held(wallet), amount)
    }

    /// The transfer that frees `amount` of the held money.
    pub fn free(&self, amount: Micros) -> Result<Transfer, TransferError> {
        Transfer::new(Account::Held(self.wallet), Account::Available(self.wallet), amount)
    }

    /// The transfer that pays `amount` of the held money to the house.
    pub fn earn(&self, amount: Micros) -> Result<Transfer, TransferError> {
        Transfer::new(Account::Held(self.wallet), Account::Revenue, amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reservation(status: ReservationStatus, captured: Option<u64>) -> Reservation {
        Reservation {
            wallet: WalletId::from_ulid(ulid::Ulid::nil()),
            amount: Micros::new(10).unwrap(),
            status,
            captured: captured.map(|n| Micros::new(n).unwrap()),
            expires_at: Timestamp::from_ms(100),
        }
    }

    const BEFORE: Timestamp = Timestamp::from_ms(99);
    const AT: Timestamp = Timestamp::from_ms(100);

    #[test]
    fn a_capture_takes_its_amount_and_frees_the_rest() {
        let open = reservation(ReservationStatus::Reserved, None);
        let micros = |n| Micros::new(n).unwrap();
        assert_eq!(open.capture(None, BEFORE), Ok(Capture { captured: micros(10), freed: Micros::ZERO }));
        assert_eq!(open.capture(Some(micros(4)), BEFORE), Ok(Capture { captured: micros(4), freed: micros(6) }));
        assert_eq!(open.capture(Some(micros(11)), BEFORE), Err(ReservationError::CaptureExceeds));
    }

    #[test]
    fn at_its_deadline_a_reservation_is_expired_though_no_alarm_ran() {
        let open = reservation(ReservationStatus::Reserved, None);
        assert!(!open.is_due(BEFORE));
        assert!(open.is_due(AT));
        assert_eq!(open.capture(None, AT), Err(ReservationError::Expired));
    }

    #[test]
    fn a_resolved_reservation_stays_as_it_is() {
        let captured = reservation(ReservationStatus::Captured, Some(10));
        assert!(captured.capture(None, AT).is_ok(), "the same capture again is the same answer");
        assert_eq!(captured.capture(Some(Micros::new(4).unwrap()), BEFORE), Err(ReservationError::Resolved));
        assert_eq!(captured.release(), Err(ReservationError::Resolved));
        for ended in [ReservationStatus::Released, ReservationStatus::Expired] {
            assert_eq!(reservation(ended, None).release(), Ok(false));
            assert!(reservation(ended, None).capture(None, BEFORE).is_err());
        }
    }
}

//! Accounts of humans: opening one, proving its password, changing it. Both `/api` and the console go through here.
//!
//! Invariants: an unknown address costs and answers like a wrong password; of the attempts on one address from one
//! client no more than `ab-login` allows fail in a window, however many run at once.

use super::code::Code;
use super::context::Ctx;
use super::credential::Human;
use super::fault::Fault;
use super::field::{Email, Text};
use crate::crypto::password::{PasswordHash, Unhashable, verify_password};
use crate::crypto::token::{Claims, HumanRole, HumanSession};
use crate::domain::id::UserId;
use crate::domain::limit::LimitClass;
use crate::domain::plan::Plan;
use crate::domain::referral::{REFERRAL_REWARD, ReferralCode};
use crate::domain::time::Timestamp;
use crate::edge::PlatformEntropy;
use crate::objects::gate::{self, Command, Outcome};
use crate::store::StoreError;
use crate::store::user::{self, Account, NewAccount};

/// A password somebody chooses (contract agentbot 2).
pub type NewPassword = Text<8, 256>;
/// A password somebody claims to have.
pub type Password = Text<1, 256>;

/// What a registration asks for.
pub struct Registration {
    pub email: Email,
    pub password: NewPassword,
    /// The e-mail stands in for it.
    pub name: Option<String>,
    pub referred_by: Option<ReferralCode>,
}

/// An account just opened.
pub struct Registered {
    pub user_id: UserId,
    pub email: String,
    pub name: String,
}

fn hash_password(password: &str) -> Result<String, Fault> {
    PasswordHash::make(password, &mut PlatformEntropy).map(|hash| hash.to_string()).map_err(unhashable)
}

fn unhashable(error: Unhashable) -> Fault {
    Fault::internal(error.to_string())
}

/// Opens an account: 409 when the address has one.
pub async fn register(ctx: &Ctx, registration: Registration) -> Result<Registered, Fault> {
    let user_id = UserId::new(&mut PlatformEntropy);
    let email = registration.email.as_str();
    let name = registration.name.unwrap_or_else(|| email.to_owned());
    let password_hash = hash_password(registration.password.as_str())?;
    let referral_code = ReferralCode::new(&mut PlatformEntropy);
    let new = NewAccount {
        user_id,
        email,
        name: &name,
        password_hash: &password_hash,
        referral_code: referral_code.as_str(),
        referred_by: registration.referred_by.as_ref().map(ReferralCode::as_str),
        reward: REFERRAL_REWARD,
    };
    let created = ctx
        .with_database(async |database| match user::create(database, new, ctx.now).await {
            Err(StoreError::Taken(_)) => Ok(false),
            other => other.map(|()| true),
        })
        .await?;
    if !created {
        return Err(Fault::new(Code::UserExists, "this e-mail has an account; sign in with it"));
    }
    Ok(Registered { user_id, email: email.to_owned(), name })
}

/// The account whose password this is: 401 otherwise, alike for an unknown address; 429 after too many failures.
pub async fn prove_password(ctx: &Ctx, email: &Email, password: &Password) -> Result<Account, Fault> {
    let gate_name = gate::name_of_login(&ctx.incoming.address, email.as_str());
    let class = LimitClass::AbLogin;
    let quota = class.quota(Plan::Free, ctx.edge.settings.rate_limit_scale);
    match ctx.call_gate(&gate_name, Command::Count { class, quota }).await? {
        Outcome::Counted(state) => ctx.note_limits(&[state])?,
        _ => return Err(Fault::internal("a gate did not count")),
    }
    let account = ctx.with_database(async |database| user::find_by_email(database, email.as_str()).await).await?;
    let stored = account.as_ref().and_then(|account| account.password_hash.as_deref()).and_then(PasswordHash::parse);
    let is_theirs = verify_password(password.as_str(), stored.as_ref()).map_err(unhashable)?;
    let account =
        account.filter(|_| is_theirs).ok_or_else(|| Fault::new(Code::InvalidCredentials, "the e-mail or the password is wrong"))?;
    // It was counted before it was judged, so that attempts at once cannot outrun the limit; only failures count.
    ctx.call_gate(&gate_name, Command::Uncount { class }).await?;
    Ok(account)
}

/// Changes a password; every cookie and token of before is void.
pub async fn set_password(ctx: &Ctx, user_id: UserId, password: &NewPassword) -> Result<(), Fault> {
    let password_hash = hash_password(password.as_str())?;
    ctx.with_database(async |database| user::set_password(database, user_id, &password_hash, ctx.now).await).await
}

/// A bearer token for a human, and when it ends.
pub fn sign_human_token(ctx: &Ctx, human: Human) -> Result<(String, Timestamp), Fault> {
    let role = if human.is_admin { HumanRole::Admin } else { HumanRole::User };
    let Human { user_id, email, sessions_from_ms, .. } = human;
    let claims = Claims::lasting(HumanSession::TTL_S, ctx.now, HumanSession { user_id, email, role, sessions_from_ms });
    let token = ctx.keys()?.ring.sign(&claims).map_err(|error| Fault::internal(error.to_string()))?;
    Ok((token, claims.expires_at))
}

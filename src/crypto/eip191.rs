//! Messages signed by a wallet with `personal_sign` (EIP-191 version 0x45).
//!
//! Invariant: a `Signature` has `r` and `s` in range and `s` in the lower half (EIP-2), so that of one signature no
//! second one can be made by somebody else.

use std::fmt;

use k256::ecdsa::VerifyingKey;
use k256::elliptic_curve::PrimeField;
use k256::elliptic_curve::ops::{LinearCombination, Reduce};
use k256::elliptic_curve::point::DecompressPoint;
use k256::{AffinePoint, ProjectivePoint, Scalar, U256};
use sha3::{Digest, Keccak256};
use subtle::Choice;

use super::wallet::WalletAddress;

/// A recoverable secp256k1 signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    scalars: k256::ecdsa::Signature,
    /// The parity of the nonce point's `y`, which tells it from its mirror image.
    is_y_odd: bool,
}

/// Why a text is no signature. The first is the client's mistake in writing (400), the second a signature that proves
/// nothing (401): it looks like one, but no wallet that keeps the rules makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureError {
    /// Not `0x` + 130 hex digits that end in 0, 1, 27 or 28.
    Malformed,
    /// `r` or `s` is zero or not below the group's order, or `s` is in the upper half.
    Refused,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "must be 0x and 130 hex digits that end in 00, 01, 1b or 1c",
            Self::Refused => "is no acceptable signature",
        })
    }
}

impl Signature {
    /// Reads `0x` + 130 hex digits: `r`, `s` and `v` (contract motecloud 3).
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let mut bytes = [0; 65];
        let digits = text.strip_prefix("0x").ok_or(SignatureError::Malformed)?;
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| SignatureError::Malformed)?;
        let [scalars @ .., v] = &bytes;
        let is_y_odd = match v {
            0 | 27 => false,
            1 | 28 => true,
            _ => return Err(SignatureError::Malformed),
        };
        Self::from_scalars(scalars, is_y_odd)
    }

    /// A signature from `r || s` and the parity of the nonce point's `y`.
    pub fn from_scalars(scalars: &[u8; 64], is_y_odd: bool) -> Result<Self, SignatureError> {
        let scalars = k256::ecdsa::Signature::from_slice(scalars).map_err(|_| SignatureError::Refused)?;
        if scalars.normalize_s().is_some() {
            return Err(SignatureError::Refused);
        }
        Ok(Self { scalars, is_y_odd })
    }
}

/// The hash a wallet signs: Keccak-256 of `0x19`, `Ethereum Signed Message:`, a line feed, the length in bytes, the message.
pub fn hash_personal_message(message: &[u8]) -> [u8; 32] {
    Keccak256::new()
        .chain_update(b"\x19Ethereum Signed Message:\n")
        .chain_update(message.len().to_string().as_bytes())
        .chain_update(message)
        .finalize()
        .into()
}

/// The wallet that signed this exact message, if the signature leads to any. A changed message leads to another wallet.
pub fn recover_signer(message: &[u8], signature: &Signature) -> Option<WalletAddress> {
    recover_from_hash(&hash_personal_message(message), signature)
}

/// The wallet whose key made this signature of a hash.
pub fn recover_from_hash(hash: &[u8; 32], signature: &Signature) -> Option<WalletAddress> {
    recover_key(hash, signature).as_ref().map(WalletAddress::from_public_key)
}

/// SEC 1 section 4.1.6: `Q = r⁻¹(sR - zG)`, where `R` is the point with x = `r` and the signature's parity.
///
/// k256 has the same and then verifies the signature under `Q`. That holds by the equation itself (`zs⁻¹G + rs⁻¹Q` is
/// `R` again) and costs as much as the recovery, the dearest step of a sign-in; a law holds the two against each other.
fn recover_key(hash: &[u8; 32], signature: &Signature) -> Option<VerifyingKey> {
    let (r, s) = signature.scalars.split_scalars();
    let z = <Scalar as Reduce<U256>>::reduce_bytes(&(*hash).into());
    let is_y_odd = Choice::from(u8::from(signature.is_y_odd));
    let nonce_point = Option::<AffinePoint>::from(AffinePoint::decompress(&r.to_repr(), is_y_odd))?;
    let r_inverse = Option::<Scalar>::from(r.invert())?;
    let (minus_z_by_r, s_by_r) = (-(r_inverse * z), r_inverse * s.as_ref());
    let key = ProjectivePoint::lincomb(&ProjectivePoint::GENERATOR, &minus_z_by_r, &nonce_point.into(), &s_by_r);
    // The point at infinity is no key.
    VerifyingKey::from_affine(key.to_affine()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k256::ecdsa::SigningKey;

    fn sign(message: &[u8], v_base: u8) -> (WalletAddress, [u8; 65]) {
        let key = SigningKey::from_slice(&[0x46; 32]).unwrap();
        let (signature, recovery) = key.sign_prehash_recoverable(&hash_personal_message(message)).unwrap();
        let mut bytes = [0; 65];
        bytes[..64].copy_from_slice(&signature.to_bytes());
        bytes[64] = v_base + recovery.to_byte();
        (WalletAddress::from_public_key(key.verifying_key()), bytes)
    }

    fn text(bytes: &[u8]) -> String {
        format!("0x{}", hex::encode(bytes))
    }

    #[test]
    fn the_signer_of_the_exact_message_is_recovered_for_either_v() {
        for v_base in [0, 27] {
            let (wallet, bytes) = sign(b"hello", v_base);
            let signature = Signature::parse(&text(&bytes)).unwrap();
            assert_eq!(recover_signer(b"hello", &signature), Some(wallet));
            assert_ne!(recover_signer(b"hello.", &signature), Some(wallet));
            let upper = format!("0x{}", hex::encode_upper(bytes));
            assert_eq!(Signature::parse(&upper), Ok(signature));
        }
    }

    #[test]
    fn what_is_not_written_as_a_signature_is_malformed() {
        let (_, bytes) = sign(b"hello", 27);
        let good = text(&bytes);
        for v in [2, 3, 26, 29, 30, 37, 255] {
            let mut other = bytes;
            other[64] = v;
            assert_eq!(Signature::parse(&text(&other)), Err(SignatureError::Malformed), "v {v}");
        }
        for bad in ["", "0x", &good[2..], &good[..131], &format!("{good}0"), &format!("{good}00"), &good.replace("0x", "0X")] {
            assert_eq!(Signature::parse(bad), Err(SignatureError::Malformed), "{bad}");
        }
        assert_eq!(Signature::parse(&format!("0xzz{}", &good[4..])), Err(SignatureError::Malformed));
    }

    #[test]
    fn a_high_s_and_scalars_out_of_range_are_refused() {
        let (_, bytes) = sign(b"hello", 27);
        let mut high = bytes;
        let low = k256::ecdsa::Signature::from_slice(&bytes[..64]).unwrap();
        let (r, s) = low.split_scalars();
        high[..64].copy_from_slice(&k256::ecdsa::Signature::from_scalars(r, -*s).unwrap().to_bytes());
        high[64] = 55 - bytes[64];
        assert_eq!(Signature::parse(&text(&high)), Err(SignatureError::Refused));
        for range in [0..32, 32..64] {
            for fill in [0, 0xff] {
                let mut outside = bytes;
                outside[range.clone()].fill(fill);
                assert_eq!(Signature::parse(&text(&outside)), Err(SignatureError::Refused));
            }
        }
    }
}

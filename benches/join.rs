//! What a join costs the media plane: offer, ICE, DTLS, answer, without the kernel and without signalling, and how much
//! of it is the elliptic curve. The same in a whole server is a row of `make bench`.

#[path = "support/room.rs"]
mod room;

use std::{hint::black_box, time::Duration};

use aws_lc_rs::{
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey as Public, agree_ephemeral},
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
    },
};
use convene::{load::peer::PeerPlan, runtime::clock};
use room::Bench;

const ROUNDS: u32 = 200;
const WATCHER: PeerPlan = PeerPlan {
    video_layers: 0,
    audio: false,
    speaks: false,
    receive_audio: 1,
    receive_video: 0,
    round_trip: None,
};

fn main() {
    let print = |what: &str, took: Duration| println!("{what:<64} {:>8.1} µs", took.as_secs_f64() * 1e6);
    let worked = (0..ROUNDS).map(|_| {
        let mut bench = Bench::new();
        bench.join(&WATCHER);
        bench.worked
    });
    let join = median(worked.collect());
    print("a join: offer, ICE, DTLS, answer", join);
    let [sign, verify, exchange] = curve();
    print("  of it one ECDSA signature on P-256", sign);
    print("  one verification", verify);
    print("  one ECDHE exchange, with a new key", exchange);
    let share = (sign + verify + exchange).as_secs_f64() / join.as_secs_f64();
    println!("{:<64} {:>8.0} %", "  together", share * 100.0);
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The operations a DTLS server with client certificates does once per handshake.
fn curve() -> [Duration; 3] {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
    let key =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref()).expect("our own key");
    let signature = key.sign(&random, b"transcript").expect("signed");
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key().as_ref());
    let other = EphemeralPrivateKey::generate(&ECDH_P256, &random).expect("a key");
    let other = other.compute_public_key().expect("its public half");
    let time = |work: &dyn Fn()| {
        let times = (0..ROUNDS).map(|_| {
            let begun = clock::now();
            work();
            begun.elapsed()
        });
        median(times.collect())
    };
    [
        time(&|| {
            black_box(key.sign(&random, b"transcript").expect("signed"));
        }),
        time(&|| public.verify(b"transcript", signature.as_ref()).expect("authentic")),
        time(&|| {
            let own = EphemeralPrivateKey::generate(&ECDH_P256, &random).expect("a key");
            black_box(own.compute_public_key().expect("its public half"));
            let secret = agree_ephemeral(own, Public::new(&ECDH_P256, other.as_ref()), (), |secret| {
                black_box(secret.len());
                Ok(())
            });
            secret.expect("agreed");
        }),
    ]
}

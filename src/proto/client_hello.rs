//! Reads `use_srtp` out of a DTLS ClientHello before the handshake sees it (RFC 5764 4.1).
//!
//! Only what is needed to choose the SRTP profile is understood.

const EXT_USE_SRTP: u16 = 14;

/// The SRTP profiles that a ClientHello offers, in its order; empty without `use_srtp`.
pub fn srtp_profiles(body: &[u8]) -> Vec<u16> {
    use_srtp(body).unwrap_or_default()
}

fn use_srtp(body: &[u8]) -> Option<Vec<u16>> {
    let rest = body.get(2 + 32..)?; // version, random
    let rest = skip_vec8(rest)?; // session id
    let rest = skip_vec8(rest)?; // cookie
    let rest = skip_vec16(rest)?; // cipher suites
    let rest = skip_vec8(rest)?; // compression methods
    let (total, rest) = rest.split_first_chunk::<2>()?;
    let mut rest = rest.get(..usize::from(u16::from_be_bytes(*total)))?;
    while let Some((head, after)) = rest.split_first_chunk::<4>() {
        let [t0, t1, l0, l1] = *head;
        let (value, after) = after.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        if u16::from_be_bytes([t0, t1]) == EXT_USE_SRTP {
            let (len, profiles) = value.split_first_chunk::<2>()?;
            let profiles = profiles.get(..usize::from(u16::from_be_bytes(*len)))?;
            return Some(profiles.as_chunks::<2>().0.iter().map(|id| u16::from_be_bytes(*id)).collect());
        }
        rest = after;
    }
    None
}

fn skip_vec8(bytes: &[u8]) -> Option<&[u8]> {
    let (&len, rest) = bytes.split_first()?;
    rest.get(usize::from(len)..)
}

fn skip_vec16(bytes: &[u8]) -> Option<&[u8]> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.get(usize::from(u16::from_be_bytes(*len))..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello_body(profiles: &[u16]) -> Vec<u8> {
        let mut body = vec![0xFE, 0xFD];
        body.extend([1; 32]);
        body.push(0);
        body.push(0);
        body.extend([0, 2, 0xC0, 0x2B]);
        body.extend([1, 0]);
        let list: Vec<u8> = profiles.iter().flat_map(|profile| profile.to_be_bytes()).collect();
        let mut extensions = vec![0, 23, 0, 0, 0, 14];
        let list_len = u16::try_from(list.len()).unwrap();
        extensions.extend((list_len + 3).to_be_bytes());
        extensions.extend(list_len.to_be_bytes());
        extensions.extend(list);
        extensions.push(0);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        body
    }

    #[test]
    fn the_client_s_order_is_kept() {
        assert_eq!(srtp_profiles(&hello_body(&[1, 8, 7])), [1, 8, 7]);
    }

    #[test]
    fn a_broken_hello_offers_nothing() {
        let body = hello_body(&[7]);
        for len in 0..body.len() {
            assert!(srtp_profiles(&body[..len]).is_empty(), "{len} bytes");
        }
        assert!(srtp_profiles(&[22; 200]).is_empty());
    }
}

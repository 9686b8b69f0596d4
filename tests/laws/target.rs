//! Where requests that others name may go: every notation of what is not public is refused.

use guildhall::domain::target::{Host, Rules, TargetError, check};

const STRICT: Rules = Rules { http: false, loopback: false };
const DEVELOPMENT: Rules = Rules { http: false, loopback: true };

#[test]
fn public_hosts_are_taken_under_https() {
    for good in [
        "https://example.com",
        "https://example.com/",
        "https://EXAMPLE.com./hook?a=b#c",
        "https://hooks.example.com:8443/a/b%20c",
        "https://xn--bcher-kva.example/x",
        "https://my_host.example",
        "https://example.com?x=http://10.0.0.1/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/x",
        "https://[2606:4700:4700::1111]:443",
        "https://127.0.0.1.example.com/",
        "https://localhost.example.com/",
    ] {
        assert!(check(good, STRICT).is_ok(), "{good}");
    }
    assert_eq!(check("https://EXAMPLE.com./x", STRICT), Ok(Host::Name("example.com".to_owned())));
}

#[test]
fn every_notation_of_an_address_that_is_not_public_is_refused() {
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "0X7F.0.0.1",
        "0",
        "0.0.0.0",
        "0x",
        "0x0",
        "00",
        "10.0.0.1",
        "10.255.255.255",
        "167772161",
        "0xa.1",
        "012.1",
        "100.64.0.1",
        "100.127.255.255",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376",
        "169.16689662",
        "169.254.43518",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.1",
        "3232235521",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "4294967295",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:10.0.0.1]",
        "[::ffff:8.8.8.8]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::8.8.8.8]",
        "[64:ff9b:1::1]",
        "[100::1]",
        "[2001::1]",
        "[2001:0:53aa:64c:0:0:0:1]",
        "[2001:2::1]",
        "[2001:10::1]",
        "[2001:20::1]",
        "[2001:db8::1]",
        "[2002:7f00:1::]",
        "[2002:a9fe:a9fe::1]",
        "[3fff::1]",
        "[5f00::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[febf::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[ff0e::1]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "printer.local",
        "a.b.local.",
        "local",
        "internal",
        "x.internal",
        "metadata.google.internal",
        "METADATA.google.internal.",
    ] {
        assert_eq!(check(&format!("https://{host}/x"), STRICT), Err(TargetError::NotPublic), "{host}");
        assert_eq!(check(&format!("https://{host}:8443"), STRICT), Err(TargetError::NotPublic), "{host}");
    }
}

#[test]
fn just_beside_the_refused_networks_is_public() {
    for host in [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "[2001:200::1]",
        "[2001:db7:ffff::1]",
        "[2001:db9::1]",
        "[2003::1]",
        "[2000::1]",
        "[3ffe::1]",
        "[3fff:1000::1]",
    ] {
        assert!(check(&format!("https://{host}/"), STRICT).is_ok(), "{host}");
    }
}

#[test]
fn what_readers_understand_differently_is_refused() {
    for bad in [
        "",
        "https",
        "https:",
        "https:/",
        "https:example.com",
        "https:/example.com",
        "https:\\\\example.com",
        "//example.com",
        "ftp://example.com",
        "HTTPS://example.com",
        " https://example.com",
        "javascript://example.com",
        "http://example.com",
        "httpss://example.com",
    ] {
        assert_eq!(check(bad, STRICT), Err(TargetError::Scheme), "{bad}");
    }
    for bad in [
        "https://",
        "https:///x",
        "https://?x",
        "https://#",
        "https://:443",
        "https://.",
        "https://..",
        "https://.example.com",
        "https://a..example.com",
        "https://example.com..",
        "https://exa mple.com",
        "https://example.com\t",
        "https://exam\nple.com",
        "https://example.com/\\x",
        "https://example.com\\@10.0.0.1",
        "https://example\u{3002}com",
        "https://ex\u{ff41}mple.com",
        "https://127\u{3002}0\u{3002}0\u{3002}1",
        "https://①②⑦.0.0.1",
        "https://bücher.example",
        "https://example.com/ü",
        "https://%6cocalhost",
        "https://127.0.0.%31",
        "https://example.com:",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:+80",
        "https://example.com:8a",
        "https://example.com:80:80",
        "https://[::1",
        "https://::1",
        "https://[::1]x",
        "https://[::1]8080",
        "https://[fe80::1%25eth0]",
        "https://[fe80::1%eth0]",
        "https://[::1]]",
        "https://[]",
        "https://[127.0.0.1]",
        "https://256.0.0.1",
        "https://1.2.3.256",
        "https://1.2.3.4.5",
        "https://1.2.65536",
        "https://4294967296",
        "https://0x100000000",
        "https://08.0.0.1",
        "https://1.2.3.09",
        "https://a.0x1",
        "https://example.1",
        "https://1..1",
        "https://-a.example",
        "https://a-.example",
        "https://18446744073709551616",
        "https://a|b.example",
        "https://example.com/<x>",
        "https://example.com/\u{7f}",
    ] {
        assert_eq!(check(bad, STRICT), Err(TargetError::Malformed), "{bad:?}");
    }
    assert_eq!(check(&format!("https://{}.example", "a".repeat(64)), STRICT), Err(TargetError::Malformed));
    assert!(check(&format!("https://{}.example", "a".repeat(63)), STRICT).is_ok());
    for bad in ["https://a@example.com", "https://a:b@example.com", "https://@example.com", "https://example.com@127.0.0.1/"] {
        assert_eq!(check(bad, STRICT), Err(TargetError::UserInfo), "{bad}");
    }
    assert!(check("https://example.com/@a", STRICT).is_ok(), "a sign in the path is none of the host");
}

#[test]
fn a_url_may_have_2048_characters() {
    let url = |length: usize| format!("https://example.com/{}", "a".repeat(length - 20));
    assert!(check(&url(2_048), STRICT).is_ok());
    assert_eq!(check(&url(2_049), STRICT), Err(TargetError::TooLong));
}

#[test]
fn development_reaches_this_machine_and_nothing_else_that_is_not_public() {
    for good in
        ["http://127.0.0.1:8080/x", "http://localhost:1", "http://a.localhost", "https://[::1]/", "http://example.com", "http://127.1"]
    {
        assert!(check(good, DEVELOPMENT).is_ok(), "{good}");
    }
    for bad in [
        "http://10.0.0.1",
        "http://169.254.169.254",
        "http://[fe80::1]",
        "http://x.local",
        "http://metadata.google.internal",
        "http://0.0.0.0",
    ] {
        assert_eq!(check(bad, DEVELOPMENT), Err(TargetError::NotPublic), "{bad}");
    }
    assert!(check("http://example.com", Rules { http: true, loopback: false }).is_ok());
    assert_eq!(check("http://127.0.0.1", Rules { http: true, loopback: false }), Err(TargetError::NotPublic));
}

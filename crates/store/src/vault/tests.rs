use super::*;

#[test]
fn a_pseudonym_depends_on_key_kind_and_value() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(folder.path(), [0x0b; 32]).unwrap();
    // python: hmac.new(b"\x0b" * 32, b"customer\x1f17850", "sha256").hexdigest()[:24]
    assert_eq!(vault.pseudonym("customer", "17850"), "c287df4726ce518858b9b1b80");
    assert_ne!(vault.pseudonym("customer", "17850"), vault.pseudonym("phone", "17850"));
    assert_eq!(
        vault.pseudonym("email", " Ann@Shop.org "),
        vault.pseudonym("email", "ann@shop.org")
    );
    assert_ne!(vault.pseudonym("customer", "A1"), vault.pseudonym("customer", "a1"));
    let again = Vault::open(folder.path()).unwrap();
    assert_eq!(again.pseudonym("customer", "17850"), vault.pseudonym("customer", "17850"));
    assert_eq!(format!("{vault:?}"), "Vault(key hidden)");
}

#[test]
fn the_counter_and_the_web_write_one_address() {
    let vault = Vault::from_key(&[1; 32]);
    assert_eq!(vault.normal("email", " Ａnn＠Shop.ORG "), "ann@shop.org");
    for phone in ["+86 138-0013-8000", "0086 (138) 0013 8000", "＋86 13800138000"] {
        assert_eq!(vault.normal("phone", phone), "+8613800138000", "{phone}");
    }
    assert_eq!(vault.normal("phone", "+44 (0) 20 7946 0000"), "+442079460000");
    assert_eq!(vault.normal("phone", "none"), "");
    assert_eq!(vault.normal("loyalty", " A-1 "), "A-1");
}

#[test]
fn a_number_without_its_country_is_the_shops() {
    let vault = |code| Vault::from_key(&[1; 32]).with_calling_code(code);
    // Without any a number is only itself.
    assert_eq!(vault(0).normal("phone", "138 0013 8000"), "13800138000");
    assert_eq!(vault(86).normal("phone", "138 0013 8000"), "+8613800138000");
    assert_eq!(vault(86).normal("phone", "+44 20 7946 0000"), "+442079460000");
    assert_eq!(vault(44).normal("phone", "020 7946 0000"), "+442079460000");
    assert_eq!(vault(39).normal("phone", "06 698 12345"), "+390669812345");
    assert_eq!(vault(86).normal("phone", "none"), "");
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_the_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    Vault::create(folder.path(), [1; 32]).unwrap();
    let mode = folder.path().join(KEY_FILE).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_key_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    Vault::create(folder.path(), [1; 32]).unwrap();
    assert!(Vault::create(folder.path(), [2; 32]).is_err());
    let kept = std::fs::read(folder.path().join(KEY_FILE)).unwrap();
    assert_eq!(kept, [1; 32]);
}

#[test]
fn a_damaged_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for length in [0, 31, 33] {
        std::fs::write(folder.path().join(KEY_FILE), vec![7; length]).unwrap();
        assert!(Vault::open(folder.path()).is_err(), "{length} bytes");
    }
    assert!(Vault::open(&folder.path().join("nowhere")).is_err());
}

#[test]
fn event_ids_differ_by_source_content_and_occurrence() {
    // python: sha256((1).to_bytes(8, "little") + b"s" + (0).to_bytes(8, "little") + b"row")[:16]
    assert_eq!(hexadecimal(&event_id("s", b"row", 0)), "0ad3a2107b8f79ab18c678240579e31b");
    let all = [
        event_id("s", b"row", 0),
        event_id("s", b"row", 1),
        event_id("sr", b"ow", 0),
        event_id("s", b"roW", 0),
    ];
    for (at, id) in all.iter().enumerate() {
        assert!(!all[..at].contains(id), "{at}");
    }
}

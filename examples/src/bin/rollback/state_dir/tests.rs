use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn state(dir: &Path) -> StateDir {
    StateDir { dir: dir.to_owned() }
}

#[test]
fn a_key_is_made_once_and_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let state = state(&dir.path().join("a/b"));
    let first = state.hash_key().unwrap();
    assert_eq!(state.hash_key().unwrap().expose(), first.expose());
    let metadata = std::fs::metadata(state.dir.join(KEY)).unwrap();
    assert_eq!(metadata.mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&state.dir).unwrap().mode() & 0o777, 0o700);
    let left: Vec<_> = std::fs::read_dir(&state.dir).unwrap().collect();
    assert_eq!(left.len(), 1, "no draft stays: {left:?}");
}

#[test]
fn of_two_who_make_a_key_at_once_both_have_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let state = state(dir.path());
    let first = state.hash_key().unwrap();
    state.make_key(&state.dir.join(KEY)).unwrap();
    assert_eq!(state.hash_key().unwrap().expose(), first.expose());
}

#[test]
fn a_key_that_can_not_be_trusted_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let state = state(dir.path());
    let path = dir.path().join(KEY);
    let other = dir.path().join("other");
    std::fs::write(&other, [7; 32]).unwrap();
    let put = |content: &[u8], mode| {
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let cases: [(&str, &dyn Fn()); 5] = [
        ("link", &|| symlink(&other, &path).unwrap()),
        ("no plain file", &|| std::fs::create_dir(&path).unwrap()),
        ("read or changed by others", &|| put(&[7; 32], 0o644)),
        ("32 bytes", &|| put(&[7; 31], 0o600)),
        ("32 bytes", &|| put(&[7; 33], 0o600)),
    ];
    for (why, make) in cases {
        let _ = std::fs::remove_file(&path);
        let _ = std::fs::remove_dir(&path);
        make();
        let error = state.hash_key().unwrap_err();
        assert!(error.to_string().contains(why), "{why}: {error}");
        assert!(error.to_string().contains("nothing was touched"), "{error}");
    }
}

#[test]
fn the_folder_is_the_named_one_or_the_default() {
    let around = Surroundings { home: Some("/home/x".into()), ..Surroundings::default() };
    for (named, is_root, expected) in [
        (Some("/tmp/j"), true, "/tmp/j"),
        (None, true, "/var/lib/stillme-rollback"),
        (None, false, "/home/x/.local/state/stillme-rollback"),
    ] {
        let place = Place { journal_dir: named.map(PathBuf::from) };
        let around = Surroundings { is_root, ..around.clone() };
        assert_eq!(StateDir::choose(&place, &around).unwrap().dir, Path::new(expected));
    }
}

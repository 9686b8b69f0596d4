//! The published vectors, natively.

use crate::vectors;

macro_rules! run_natively {
    ($($check:ident)*) => {$(
        #[test]
        fn $check() {
            vectors::$check();
        }
    )*};
}

crate::for_each_vector_check!(run_natively);

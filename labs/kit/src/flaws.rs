//! How the wrong solutions of a lab are listed, and which tests of its checks every lab has.

/// The mistakes of a lab's wrong solutions, each with the check that must find it, alone. Makes `Flaw` and `FLAWS`.
#[macro_export]
macro_rules! flaws {
    ($($(#[doc = $says:literal])+ $flaw:ident by $check:literal),+ $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Flaw { $($(#[doc = $says])+ $flaw),+ }

        /// Each with its name, what it does wrong and what finds it.
        pub(crate) const FLAWS: &[(Flaw, &str, &str, &str)] =
            &[$((Flaw::$flaw, stringify!($flaw), concat!($($says),+).trim_ascii_start(), $check)),+];
    };
}

/// The tests of a lab's checks, of the [`Trial`](crate::Trial) that this function makes.
#[macro_export]
macro_rules! graded {
    ($trial:path) => {
        #[test]
        fn the_solution_passes_with_a_hundred_seeds() {
            $trial().solution_passes(100);
        }

        #[test]
        fn each_wrong_solution_is_caught_by_the_check_meant_for_it() {
            $trial().each_wrong_is_caught_by_its_check();
        }

        #[test]
        fn a_verdict_does_not_depend_on_the_seed() {
            $trial().verdicts_do_not_change(50);
        }

        #[test]
        fn each_failure_is_told_as_it_was_and_fits_on_a_screen() {
            $trial().failures_are_golden();
        }

        #[test]
        fn each_check_catches_a_wrong_solution() {
            $trial().each_check_catches_a_wrong();
        }

        #[test]
        fn the_files_of_the_lab_fit_its_checks() {
            $trial().files_fit();
        }

        #[test]
        fn the_table_of_wrong_solutions_is_in_the_readme() {
            $trial().table_is_in_readme();
        }

        #[test]
        fn the_readme_of_the_lab_shows_what_its_starter_says() {
            $trial().starter_is_in_readme();
        }
    };
}

//! System calls that neither the standard library nor nix wraps.

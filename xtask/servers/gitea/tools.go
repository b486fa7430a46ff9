//go:build tools

// Package servers names the program that `cargo xtask server gitea` builds; nothing of it is compiled into Circle.
package servers

import _ "code.gitea.io/gitea"

package auth

import (
	"encoding/base64"
	"strings"
)

// secretOf reads an Authorization header; nil where there is none. bearer is
// true for the scheme "Bearer".
func secretOf(header string) (secret *string, bearer bool, err error) {
	if header == "" {
		return nil, false, nil
	}
	scheme, rest, _ := strings.Cut(header, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "Basic"):
		password, ok := basicSecret(rest)
		if !ok {
			return nil, false, ErrBadCredentials
		}
		return &password, false, nil
	case strings.EqualFold(scheme, "Bearer"):
		return &rest, true, nil
	}
	return nil, false, ErrBadCredentials
}

// basicSecret returns the password, or the user name where the password is
// empty. The user name says nothing: giftless's clients send "_jwt" with a JSON
// Web Token, git whatever its helper has stored.
func basicSecret(encoded string) (string, bool) {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	user, password, ok := strings.Cut(string(raw), ":")
	if !ok {
		return "", false
	}
	if password == "" {
		password = user
	}
	return password, true
}

// maxJWT bounds what is looked at as a JSON Web Token, in bytes.
const maxJWT = 16 << 10

// isJWT is true for what has the form of a JWS in compact serialization (RFC
// 7515, section 7.1). Neither access tokens nor action tokens hold a dot.
func isJWT(secret string) bool {
	return len(secret) <= maxJWT && strings.Count(secret, ".") == 2
}

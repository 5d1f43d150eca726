package adopt

import (
	"testing"
)

func TestOIDOf(t *testing.T) {
	const oid = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for key, want := range map[string]string{
		oid:                                   oid,
		"lfs/01/23/" + oid:                    oid,
		"org/repository/" + oid:               oid,
		"01/23/" + oid[4:]:                    oid,
		"x/01/23/" + oid[4:]:                  oid,
		"01/" + oid[2:]:                       "",
		"0123/" + oid[4:]:                     "",
		"meta/gc/tombstones/01/" + oid:        "",
		"staging/" + oid:                      "",
		"README":                              "",
		oid + ".tmp":                          "",
		"01/23/" + oid[4:63] + "G":            "",
		"01/23/" + oid[4:] + "/":              "",
		"org/meta/" + oid:                     oid,
		"0123456789ABCDEF" + oid[16:]:         "",
		"01/23/45/" + oid[6:]:                 "",
		"lfs-objects/01/23/" + oid[4:] + ".x": "",
	} {
		got, ok := oidOf(key)
		if got != want || ok != (want != "") {
			t.Errorf("%s names %q, %t; want %q", key, got, ok, want)
		}
	}
}

// Package batch answers the batch API (git-lfs, docs/api/batch.md): which
// objects are there, and how those move that have to.
//
// It knows neither HTTP nor tokens. What it returns is either an answer, in
// which single objects may have failed, or an error for the whole batch; the
// server turns that into a status. A store or an index that cannot be asked is
// always BusyError, because git-lfs waits and asks again for 429, and gives up
// for 5xx.
package batch

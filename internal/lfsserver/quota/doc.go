// Package quota keeps a repository within the bytes that it may hold, without
// listing the bucket for each request.
//
// One small object in the bucket, the record, says how many bytes the last count
// found, and how many each server has claimed beyond that. A server answers from its
// claim, in memory, and enlarges it by a conditional write when it is used up: so two
// servers never hand out the same byte. A claim is enlarged by at most an eighth of
// what is free, so that the last bytes are not held by a server that nobody asks.
//
// What is held = counted + all claims is never less than what the bucket holds or
// may hold through a link that still works. A count (package usage lists the final
// keys anyway) replaces the counted bytes and takes out of the claims what it has
// seen, in one write; a count during which another one was written is not used. What
// is claimed and never arrives is free again when its link has ended.
//
// Two things can pass the quota: what arrives by a link to a store that compares the
// hash of a body and not its length, for an object that was announced smaller than it
// is; and uploads on a store without conditional writes, where servers overwrite each
// other's claims. The next count sees both, and nothing more is admitted then.
package quota

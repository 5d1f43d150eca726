// Package stream takes objects whose bytes come through this server, and resumes
// them: the engine of tus, of the streaming proxy, and of uploads by basic above
// what a store takes in one PUT. It knows nothing of HTTP.
//
// Bytes go unbuffered from the client into an S3 multipart upload at the final key
// and are hashed on the way. Nobody but the server can write to that upload, and it
// is completed only when the SHA-256 over all of it is the OID: nothing is read
// back or copied, and nothing unproven ever shows (objectstore/receive.go). An
// object of at most one part is a single PUT that the store itself compares with
// the OID.
//
// # What lies in the bucket
//
// A register per OID and client says how far an upload has come: the store's
// upload ID, the parts, the offset, and the state of the hash at that offset. It
// is written by conditional puts alone, after every part. So any replica can go on
// where another one was killed.
//
// The last bytes of an object are never registered: they count once the object is
// there. tus has clients that take an offset of the object's size for success.
//
// # One writer
//
// A client whose connection died comes back while the old request still runs, on
// this replica or on another, and the old one may have bytes in its hands that
// differ from what comes now. Two rules keep them apart:
//
//   - Every attempt at a part has a number that nobody used before or will use
//     again; it is taken out of the register by a conditional put before the first
//     byte goes out. So no part can be replaced after it was hashed, and whatever a
//     writer lists is what it has sent. (ETags would not do: an MD5 does not bind
//     content.)
//   - A writer whose conditional put fails has been overtaken and stops.
//
// Two that complete at the same time have both proven what they list; either will
// do.
//
// # Pieces
//
// A store wants to know a part's length first and takes none below 5 MiB but the
// last. What a request brings is cut into pieces (plan.go): parts, or, where it is
// too little for one, objects under staging/ that become the beginning of the next
// part. A piece whose connection breaks is lost; then the next ones are smaller,
// so that a line which breaks every megabyte still gets on.
package stream

package layout

const stagingDir = "staging/"

// Staging is the key that one multipart upload writes to. Nothing is ever served
// from it.
func (p Prefix) Staging(id string) string { return p.Stagings() + id }

// Stagings is the prefix of all staging keys.
func (p Prefix) Stagings() string { return string(p) + stagingDir }

// Upload is the key that registers a client's multipart upload of an OID.
func (p Prefix) Upload(oid, client string) string {
	return p.Uploads() + oid[0:2] + "/" + oid + "/" + client + ".json"
}

// Uploads is the prefix of all registered uploads.
func (p Prefix) Uploads() string { return string(p) + metaDir + "uploads/" }

// Stream is the key that registers what the server itself receives of an OID from
// a client.
func (p Prefix) Stream(oid, client string) string {
	return p.Streams() + oid[0:2] + "/" + oid + "/" + client + ".json"
}

// Streams is the prefix of all registers of such uploads.
func (p Prefix) Streams() string { return string(p) + metaDir + "streams/" }

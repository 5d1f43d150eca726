package storesession

import "encoding/json"

// Policies of sessions, in the language of "IAM JSON policy elements" (AWS IAM
// user guide). A session can do what both its policy and the key that it was made
// with allow.

type policy struct {
	Version   string      `json:"Version"`
	Statement []statement `json:"Statement"`
}

type statement struct {
	Effect    string                         `json:"Effect"`
	Action    []string                       `json:"Action"`
	Resource  string                         `json:"Resource"`
	Condition map[string]map[string][]string `json:"Condition,omitempty"`
}

// OwnPolicy is what a server and its jobs have to do: everything that concerns
// objects, under the prefix alone. Read may be read.
func (g Grant) OwnPolicy() string {
	own := g.own()
	statements := []statement{
		allow(own.objects(), "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion",
			"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
		own.list("s3:ListBucket", "s3:ListBucketVersions"),
	}
	if g.CreateBucket {
		statements = append(statements, allow(own.bucket(), "s3:CreateBucket", "s3:PutBucketCors"))
	}
	if g.Read != nil {
		statements = append(statements, allow(g.Read.objects(), "s3:GetObject"), g.Read.list("s3:ListBucket"))
	}
	return g.render(statements, "kms:GenerateDataKey", "kms:Decrypt")
}

// UploadPolicy signs links that write: they can neither read nor copy.
func (g Grant) UploadPolicy() string {
	return g.render([]statement{allow(g.own().objects(), "s3:PutObject")}, "kms:GenerateDataKey", "kms:Decrypt")
}

// DownloadPolicy signs links that read.
func (g Grant) DownloadPolicy() string {
	return g.render([]statement{allow(g.own().objects(), "s3:GetObject")}, "kms:Decrypt")
}

// render adds what S3 does with the key for whoever holds the session ("Using
// server-side encryption with AWS KMS keys", Amazon S3 user guide, under Permissions;
// the parts of an upload need Decrypt too), and only by way of S3.
func (g Grant) render(statements []statement, withKey ...string) string {
	if g.KMSKey != "" {
		s := allow(g.KMSKey, withKey...)
		s.Condition = map[string]map[string][]string{"StringLike": {"kms:ViaService": {"s3.*"}}}
		statements = append(statements, s)
	}
	return render(statements...)
}

// own is the place that the grant is about.
func (g Grant) own() Source { return Source{g.Bucket, g.Prefix} }

func (s Source) bucket() string  { return "arn:aws:s3:::" + s.Bucket }
func (s Source) objects() string { return s.bucket() + "/" + s.Prefix + "*" }

// list lets the prefix be listed.
func (s Source) list(actions ...string) statement {
	return statement{
		Effect: "Allow", Action: actions, Resource: s.bucket(),
		Condition: map[string]map[string][]string{"StringLike": {"s3:prefix": {s.Prefix + "*"}}},
	}
}

func allow(resource string, actions ...string) statement {
	return statement{Effect: "Allow", Action: actions, Resource: resource}
}

func render(statements ...statement) string {
	b, err := json.Marshal(policy{Version: "2012-10-17", Statement: statements})
	if err != nil {
		panic(err) // strings only
	}
	return string(b)
}

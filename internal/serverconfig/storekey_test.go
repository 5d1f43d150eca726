package serverconfig

import (
	"strings"
	"testing"
)

// bucketInfoOf a BucketAccess, as the sidecar of COSI writes it.
const bucketInfoOf = `{"metadata":{"name":"bc-1"},"spec":{"bucketName":"b","authenticationType":"KEY",` +
	`"secretS3":{"endpoint":"https://s3.example.com","region":"eu-1","accessKeyID":"id","accessSecretKey":"s3cret"},"secretAzure":null,"protocols":["s3"]}}`

func TestParseStoreKey(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		secret map[string]string
		want   StoreKey
		err    string
	}{
		"AWS":              {secret: map[string]string{KeyAccessKeyID: "a\n", KeySecretAccessKey: "b\n"}, want: StoreKey{"a", "b", ""}},
		"AWS, for a while": {secret: map[string]string{KeyAccessKeyID: "a", KeySecretAccessKey: "b", KeySessionToken: "c"}, want: StoreKey{"a", "b", "c"}},
		"COSI":             {secret: map[string]string{KeyBucketInfo: bucketInfoOf}, want: StoreKey{"id", "s3cret", ""}},
		"both":             {secret: map[string]string{KeyAccessKeyID: "a", KeySecretAccessKey: "b", KeyBucketInfo: bucketInfoOf}, want: StoreKey{"a", "b", ""}},
		"half of AWS":      {secret: map[string]string{KeyAccessKeyID: "s3cret", KeyBucketInfo: bucketInfoOf}, err: "lacks its key AWS_SECRET_ACCESS_KEY"},
		"the other half":   {secret: map[string]string{KeySecretAccessKey: "s3cret"}, err: "lacks its key AWS_ACCESS_KEY_ID"},
		"nothing":          {err: "neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor BucketInfo"},
		"no JSON":          {secret: map[string]string{KeyBucketInfo: "s3cret"}, err: "cannot be read"},
		"IAM":              {secret: map[string]string{KeyBucketInfo: `{"spec":{"authenticationType":"IAM","secretS3":{"endpoint":"s3cret"}}}`}, err: "authenticationType Key"},
		"Azure":            {secret: map[string]string{KeyBucketInfo: `{"spec":{"secretAzure":{"accessToken":"s3cret"}}}`}, err: "protocol S3"},
	} {
		got, err := ParseStoreKey(tc.secret)
		if got != tc.want || (err != nil) != (tc.err != "") {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if err != nil && (!strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: %v, want %q and no secret", name, err, tc.err)
		}
	}
}

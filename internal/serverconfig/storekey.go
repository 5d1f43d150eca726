package serverconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Keys of the store's credentials Secret, as the AWS tools name them.
const (
	KeyAccessKeyID     = "AWS_ACCESS_KEY_ID"
	KeySecretAccessKey = "AWS_SECRET_ACCESS_KEY"
	KeySessionToken    = "AWS_SESSION_TOKEN"
)

// KeyBucketInfo is the one key of a Secret that the Container Object Storage
// Interface has made for a BucketAccess (COSI v1alpha1, "BucketInfo").
const KeyBucketInfo = "BucketInfo"

// StoreKeyFiles are the keys of the Secret that are looked at.
var StoreKeyFiles = []string{KeyAccessKeyID, KeySecretAccessKey, KeySessionToken, KeyBucketInfo}

// StoreKey is the key of a store.
type StoreKey struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// bucketInfo is what counts of a BucketInfo. Where the store and the bucket are
// stands in the LFSRepository or LFSStore, and may not change as a Secret may.
type bucketInfo struct {
	Spec struct {
		SecretS3 *struct {
			AccessKeyID     string `json:"accessKeyID"`
			AccessSecretKey string `json:"accessSecretKey"`
		} `json:"secretS3"`
	} `json:"spec"`
}

// ErrNoStoreKey: there is no such Secret, or it lacks what is looked for.
var ErrNoStoreKey = errors.New("does not exist, or holds neither " +
	KeyAccessKeyID + " and " + KeySecretAccessKey + " nor " + KeyBucketInfo)

// ParseStoreKey finds the key in a Secret of either shape; that of AWS counts where
// both are there. Errors say what the Secret lacks, and hold none of it.
func ParseStoreKey(secret map[string]string) (StoreKey, error) {
	k := StoreKey{
		AccessKeyID: strings.TrimSpace(secret[KeyAccessKeyID]), SecretAccessKey: strings.TrimSpace(secret[KeySecretAccessKey]),
		SessionToken: strings.TrimSpace(secret[KeySessionToken]),
	}
	info, cosi := secret[KeyBucketInfo]
	switch {
	case k.AccessKeyID != "" && k.SecretAccessKey != "":
		return k, nil
	case k.AccessKeyID != "":
		return StoreKey{}, fmt.Errorf("lacks its key %s", KeySecretAccessKey)
	case k.SecretAccessKey != "":
		return StoreKey{}, fmt.Errorf("lacks its key %s", KeyAccessKeyID)
	case !cosi:
		return StoreKey{}, ErrNoStoreKey
	}
	var b bucketInfo
	if err := json.Unmarshal([]byte(info), &b); err != nil {
		return StoreKey{}, fmt.Errorf("has a key %s that cannot be read: it is not the JSON of a COSI BucketInfo", KeyBucketInfo)
	}
	s3 := b.Spec.SecretS3
	if s3 == nil || s3.AccessKeyID == "" || s3.AccessSecretKey == "" {
		return StoreKey{}, fmt.Errorf("has a key %s without spec.secretS3.accessKeyID and accessSecretKey: "+
			"the BucketAccessClass must have authenticationType Key and the BucketClaim the protocol S3", KeyBucketInfo)
	}
	return StoreKey{AccessKeyID: s3.AccessKeyID, SecretAccessKey: s3.AccessSecretKey}, nil
}

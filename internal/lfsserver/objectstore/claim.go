package objectstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
)

// ErrForeignObjects: the prefix holds objects, and nothing says whose they are.
var ErrForeignObjects = errors.New("the prefix holds objects that this repository did not put there")

// Owner says whose prefix it is. It lies in the bucket itself, because two
// clusters may share one.
type Owner struct {
	// UID of the LFSRepository; the only field that decides.
	UID string `json:"uid"`
	// Namespace and Name are for people.
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	ClaimedAt time.Time `json:"claimedAt"`
	// Adopting is set while the objects that another repository left here are being
	// proven. Nothing is served meanwhile.
	Adopting *Adopting `json:"adopting,omitempty"`
}

// Adopting is an adoption in place under way.
type Adopting struct {
	// Run that may change what lies here until Until, by the store's clock. No
	// other may, and the run itself may not do so later.
	Run   string    `json:"run"`
	Until time.Time `json:"until"`
	// From is whose the prefix was, for people: namespace/name (uid).
	From string `json:"from"`
}

// ErrAdopting: the prefix is ours, and what lies there is not proven yet.
var ErrAdopting = errors.New("the objects under the prefix are being proven")

// OwnedByOtherError: another repository has claimed the prefix.
type OwnedByOtherError struct{ Owner Owner }

// Error implements error.
func (e *OwnedByOtherError) Error() string {
	return fmt.Sprintf("the prefix belongs to LFSRepository %s/%s (uid %s)", e.Owner.Namespace, e.Owner.Name, e.Owner.UID)
}

// Claim makes sure that the prefix is ours and returns the owner object's ETag,
// to be handed in next time, which then costs one conditional read. It returns
// *OwnedByOtherError, ErrForeignObjects, or what the store said.
func Claim(ctx context.Context, b Bucket, prefix layout.Prefix, me Owner, knownETag string) (string, error) {
	etag, err := readClaim(ctx, b, prefix, me, knownETag)
	if !errors.Is(err, ErrNotFound) {
		return etag, err
	}
	if err := onlyOwnObjects(ctx, b, prefix); err != nil {
		if !errors.Is(err, ErrForeignObjects) {
			return "", err
		}
		// A replica of ours may have claimed and begun between the two calls.
		if etag, again := readClaim(ctx, b, prefix, me, ""); !errors.Is(again, ErrNotFound) {
			return etag, again
		}
		return "", err
	}
	body, err := json.Marshal(me)
	if err != nil {
		return "", err
	}
	_, err = b.Put(ctx, prefix.Owner(), bytes.NewReader(body), int64(len(body)), Condition{IfAbsent: true})
	if err != nil && !errors.Is(err, ErrPreconditionFailed) {
		return "", err
	}
	// Read what stands there now, whatever the answer was: a retried success
	// looks like a loss, and a store without conditions answers both writers
	// alike.
	return readClaim(ctx, b, prefix, me, "")
}

// readClaim reads the owner object and compares it with us.
func readClaim(ctx context.Context, b Bucket, prefix layout.Prefix, me Owner, knownETag string) (string, error) {
	owner, info, err := ReadOwner(ctx, b, prefix, knownETag)
	switch {
	case errors.Is(err, ErrNotModified):
		return knownETag, nil
	case err != nil:
		return "", err
	case owner.UID != me.UID:
		return "", &OwnedByOtherError{Owner: owner}
	case owner.Adopting != nil:
		return "", ErrAdopting
	}
	return info.ETag, nil
}

// ReadOwner says whose prefix it is: ErrNotFound where nobody's, ErrForeignObjects
// where something else stands in the place of the owner object. A knownETag is that
// of Bucket.Get.
func ReadOwner(ctx context.Context, b Bucket, prefix layout.Prefix, knownETag string) (Owner, Info, error) {
	var owner Owner
	raw, info, err := ReadSmall(ctx, b, prefix.Owner(), knownETag, 64<<10)
	if err != nil {
		return owner, info, err
	}
	if err := json.Unmarshal(raw, &owner); err != nil || owner.UID == "" {
		return owner, info, fmt.Errorf("%w: %s is not an owner object", ErrForeignObjects, prefix.Owner())
	}
	return owner, info, nil
}

// onlyOwnObjects returns ErrForeignObjects when anything lies under the prefix.
func onlyOwnObjects(ctx context.Context, b Bucket, prefix layout.Prefix) error {
	for info, err := range b.List(ctx, string(prefix), "") {
		if err != nil {
			return err
		}
		return fmt.Errorf("%w: %s, for one", ErrForeignObjects, info.Key)
	}
	return nil
}

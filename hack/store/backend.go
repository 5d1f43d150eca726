package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3err"
)

// openBackend opens the folder as an S3 backend and creates the buckets asked
// for. The process's working directory is the folder from here on.
func openBackend(ctx context.Context, cfg *config) (backend.Backend, error) {
	dir, err := absolute(cfg.dir)
	if err != nil {
		return nil, err
	}
	versions, err := absolute(cfg.versioningDir)
	if err != nil {
		return nil, err
	}
	opts := posix.PosixOpts{
		VersioningDir:       versions,
		ValidateBucketNames: true,
		// The command-line gateway sets this limit of S3; the library leaves it
		// at 0, which refuses every copy.
		CopyObjectThreshold: 5 << 30,
	}
	for _, d := range []string{dir, versions} {
		if d == "" {
			continue
		}
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	metadata, err := openMetadata(dir, &opts)
	if err != nil {
		return nil, err
	}
	be, err := posix.New(dir, metadata, opts)
	if err != nil {
		return nil, err
	}
	for _, bucket := range cfg.buckets {
		if err := createBucket(ctx, be, bucket, cfg.accessKey); err != nil {
			return nil, fmt.Errorf("create bucket %q: %w", bucket, err)
		}
	}
	return be, nil
}

// openMetadata keeps what S3 knows of an object (ETag, checksums, headers) in
// extended attributes, or beside the folder where its file system has none:
// tmpfs of older kernels, for one.
func openMetadata(dir string, opts *posix.PosixOpts) (meta.MetadataStorer, error) {
	xattr := meta.XattrMeta{}
	if xattr.Test(dir) == nil {
		return xattr, nil
	}
	opts.SideCarDir = filepath.Join(filepath.Dir(dir), ".meta-"+filepath.Base(dir))
	if err := os.MkdirAll(opts.SideCarDir, 0o755); err != nil {
		return nil, err
	}
	return meta.NewSideCar(opts.SideCarDir)
}

// createBucket makes a bucket owned by the root account, as its own request
// would have; one that is there already is left as it is.
func createBucket(ctx context.Context, be backend.Backend, name, owner string) error {
	acl, err := json.Marshal(auth.ACL{Owner: owner})
	if err != nil {
		return err
	}
	// A string key, since that is what the backend looks for.
	ctx = context.WithValue(ctx, "bucket-owner", auth.Account{Access: owner}) //nolint:staticcheck
	err = be.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket:                    &name,
		ObjectOwnership:           types.ObjectOwnershipBucketOwnerEnforced,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{},
	}, acl)
	var apiErr s3err.S3Error
	if errors.As(err, &apiErr) && apiErr.StatusCode() == 409 {
		return nil
	}
	return err
}

// absolute leaves an empty path, which means "not wanted", as it is.
func absolute(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	return filepath.Abs(path)
}

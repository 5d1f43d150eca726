package main

import (
	"errors"
	"io"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
)

// refuseShortBodies makes an upload that breaks off fail, as it does on every
// real store. Without it versitygw v1.8.0 takes the end of the connection for
// the end of the object, and stores the part that arrived under the object's
// name with a 200: a test of our promises about content would test this defect
// instead.
//
// The reader is put where the gateway's authentication looks for one before it
// turns to the request, so that all of its own readers (signatures, checksums,
// chunk decoding) stack on top of it.
func refuseShortBodies(ctx fiber.Ctx) error {
	length := ctx.Request().Header.ContentLength()
	stream := ctx.Request().BodyStream()
	if length > 0 && stream != nil {
		utils.ContextKeyBodyReader.Set(ctx, &wholeBody{body: stream, missing: int64(length)})
	}
	return ctx.Next()
}

// wholeBody reports an end before the announced length as S3's IncompleteBody.
// io.ErrUnexpectedEOF would not do: the gateway's checksum reader turns it back
// into a plain end, which is the defect itself.
type wholeBody struct {
	body    io.Reader
	missing int64
}

func (w *wholeBody) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	w.missing -= int64(n)
	if w.missing > 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		err = s3err.GetAPIError(s3err.ErrIncompleteBody)
	}
	return n, err
}

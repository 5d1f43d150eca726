package batch

import (
	"encoding/json"
	"strconv"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
)

// perAnswer is about what an object takes in an answer, in bytes.
const perAnswer = 1 << 10

// MarshalJSON implements json.Marshaler. Callers that write the answer themselves
// take AppendJSON, which spares a copy.
func (r *Response) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil) }

// AppendJSON appends the answer as JSON.
func (r *Response) AppendJSON(b []byte) ([]byte, error) {
	if b == nil {
		b = make([]byte, 0, 128+perAnswer*len(r.Objects))
	}
	b = append(b, `{"transfer":`...)
	b = transfer.AppendString(b, r.Transfer)
	b = append(b, `,"objects":[`...)
	var err error
	for i := range r.Objects {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = r.Objects[i].appendJSON(b); err != nil {
			return nil, err
		}
	}
	b = append(b, `],"hash_algo":`...)
	b = transfer.AppendString(b, r.HashAlgo)
	return append(b, '}'), nil
}

func (a *Answer) appendJSON(b []byte) ([]byte, error) {
	b = append(b, `{"oid":`...)
	b = transfer.AppendString(b, a.OID)
	b = append(b, `,"size":`...)
	b = strconv.AppendInt(b, a.Size, 10)
	if a.Authenticated {
		b = append(b, `,"authenticated":true`...)
	}
	if a.Actions != nil {
		b = append(b, `,"actions":`...)
		if e, ok := a.Actions.(transfer.Encoder); ok {
			b = e.AppendJSON(b)
		} else {
			raw, err := json.Marshal(a.Actions)
			if err != nil {
				return nil, err
			}
			b = append(b, raw...)
		}
	}
	if a.Error != nil {
		b = append(b, `,"error":{"code":`...)
		b = strconv.AppendInt(b, int64(a.Error.Code), 10)
		b = append(b, `,"message":`...)
		b = transfer.AppendString(b, a.Error.Message)
		b = append(b, '}')
	}
	return append(b, '}'), nil
}

package cmapctl

import (
	"context"
	"fmt"

	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// printKey reads a key, whose type is known, and prints it.
func (r *run) printKey(ctx context.Context, key string, typ cmap.Type) {
	v := cmap.Value{Type: typ}
	if typ.String() != "" && (typ != cmap.TypeBinary || r.showBinary) {
		err := r.Retry(ctx, tries, func() (err error) {
			v, err = r.keys.Get(ctx, key)
			return err
		})
		if err == nil && typ != cmap.TypeBinary && v.Type != typ {
			err = cserr.InvalidParam // it was replaced in between
		}
		if err != nil {
			r.Errorf("Can't get value of %s. Error %s\n", key, tool.Text(err))
			return
		}
		v.Type = typ
	}
	r.printValue(key, v)
}

// printValue prints a line for a value at hand: KEY (TYPE) = VALUE, or VALUE
// with -q. Binary values are shown with -b only, and then say "bin)" even with
// -q. A value without a type leaves the line open after the bracket.
func (r *run) printValue(key string, v cmap.Value) {
	if !r.quiet {
		r.Printf("%s (", key)
	}
	switch {
	case v.Type == cmap.TypeBinary:
		r.Printf("bin)")
		if r.showBinary {
			r.Printf(" = %s", tool.Escape(v.Data))
		}
	case v.Type.String() != "":
		if !r.quiet {
			r.Printf("%s) = ", v.Type)
		}
		r.Printf("%s", format(v))
	}
	r.Printf("\n")
}

// format returns the text of a value that is not binary. Lengths that do not
// fit the type cannot come from a daemon and show as nothing.
func format(v cmap.Value) string {
	switch v.Type {
	case cmap.TypeInt8:
		return number[int8](v)
	case cmap.TypeUint8:
		return number[uint8](v)
	case cmap.TypeInt16:
		return number[int16](v)
	case cmap.TypeUint16:
		return number[uint16](v)
	case cmap.TypeInt32:
		return number[int32](v)
	case cmap.TypeUint32:
		return number[uint32](v)
	case cmap.TypeInt64:
		return number[int64](v)
	case cmap.TypeUint64:
		return number[uint64](v)
	case cmap.TypeFloat:
		f, _ := cmap.As[float32](v)
		return tool.FormatFloat(float64(f))
	case cmap.TypeDouble:
		f, _ := cmap.As[float64](v)
		return tool.FormatFloat(f)
	default:
		s, _ := cmap.As[string](v)
		return s
	}
}

func number[T cmap.Scalar](v cmap.Value) string {
	n, err := cmap.As[T](v)
	if err != nil {
		return ""
	}
	return fmt.Sprint(n)
}

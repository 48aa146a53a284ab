package lcr

import (
	"errors"
	"testing"
)

func ctor() int { return 7 }

func TestRegisterReferenceRelease(t *testing.T) {
	var r Registry
	k := Key{"corosync_cpg", 0}
	if _, err := r.Reference(k); !errors.Is(err, ErrNotFound) {
		t.Fatalf("reference in an empty registry: %v", err)
	}
	if err := r.Register(Component{Key: k, New: ctor}); err != nil {
		t.Fatal(err)
	}
	if err := r.Register(Component{Key: k, New: ctor}); !errors.Is(err, ErrRegistered) {
		t.Fatalf("second registration: %v", err)
	}
	ref, err := r.Reference(k)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Constructor[func() int](ref)
	if err != nil || f() != 7 {
		t.Fatalf("constructor: %v", err)
	}
	if _, err := Constructor[func() string](ref); !errors.Is(err, ErrWrongType) {
		t.Fatalf("constructor of another type: %v", err)
	}
	if err := r.Unregister(k); !errors.Is(err, ErrInUse) {
		t.Fatalf("withdrawn while in use: %v", err)
	}
	ref.Release()
	ref.Release()
	if err := r.Unregister(k); err != nil {
		t.Fatal(err)
	}
	if err := r.Unregister(k); !errors.Is(err, ErrNotFound) {
		t.Fatalf("withdrawn twice: %v", err)
	}
}

func TestNeedsAreCountedAndMayFormACycle(t *testing.T) {
	var r Registry
	a, b := Key{"a", 0}, Key{"b", 1}
	if err := r.Register(Component{Key: a, New: ctor, Needs: []Key{b}}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reference(a); !errors.Is(err, ErrNotFound) {
		t.Fatalf("a missing need: %v", err)
	}
	if err := r.Register(Component{Key: b, New: ctor, Needs: []Key{a}}); err != nil {
		t.Fatal(err)
	}
	ref, err := r.Reference(a)
	if err != nil {
		t.Fatal(err)
	}
	if ref.Key() != a {
		t.Fatalf("key %v, want %v", ref.Key(), a)
	}
	if err := r.Unregister(b); !errors.Is(err, ErrInUse) {
		t.Fatalf("a need was withdrawn: %v", err)
	}
	ref.Release()
	if got := r.Components(); len(got) != 2 || got[0].Key != a || got[1].Key != b {
		t.Fatalf("listing %v", got)
	}
	if err := r.Register(Component{Key: Key{Name: ""}, New: ctor}); !errors.Is(err, ErrBadName) {
		t.Fatalf("nameless: %v", err)
	}
}

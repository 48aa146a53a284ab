package lcr

import (
	"errors"
	"fmt"
	"sort"
)

// Errors of the registry. They are wrapped with the component's name and version.
var (
	ErrNotFound   = errors.New("no such component")
	ErrRegistered = errors.New("component is already registered")
	ErrInUse      = errors.New("component is in use")
	ErrWrongType  = errors.New("component has a constructor of another type")
	ErrBadName    = errors.New("component needs a name and a constructor")
)

// Key names one version of a component.
type Key struct {
	Name    string
	Version int
}

// String prints the key as it is logged: name.v<version>.
func (k Key) String() string { return fmt.Sprintf("%s.v%d", k.Name, k.Version) }

// Component is what is registered: one version of something that can be constructed.
type Component struct {
	Key
	// Needs are the components that must be registered before this one can be referenced.
	Needs []Key
	// New is the constructor. Its type is agreed between the component and whoever asks for it.
	New any
	// Origin says where the component comes from, for listings: "built in", or the file it was loaded from.
	Origin string
}

// Registry holds components by name and version. The zero value is empty and ready.
type Registry struct {
	components map[Key]*entry
}

type entry struct {
	Component
	refs int
}

// Register adds a component. Errors: ErrBadName, ErrRegistered.
func (r *Registry) Register(c Component) error {
	if c.Name == "" || c.New == nil {
		return fmt.Errorf("%v: %w", c.Key, ErrBadName)
	}
	if _, ok := r.components[c.Key]; ok {
		return fmt.Errorf("%v: %w", c.Key, ErrRegistered)
	}
	if r.components == nil {
		r.components = make(map[Key]*entry)
	}
	if c.Origin == "" {
		c.Origin = "built in"
	}
	r.components[c.Key] = &entry{Component: c}
	return nil
}

// Unregister withdraws a component that nobody uses. Errors: ErrNotFound, ErrInUse.
func (r *Registry) Unregister(k Key) error {
	e, ok := r.components[k]
	if !ok {
		return fmt.Errorf("%v: %w", k, ErrNotFound)
	}
	if e.refs > 0 {
		return fmt.Errorf("%v: %w", k, ErrInUse)
	}
	delete(r.components, k)
	return nil
}

// Reference finds a component and counts its user, and the user of all that it needs. Errors: ErrNotFound for the
// component or for something it needs.
func (r *Registry) Reference(k Key) (*Ref, error) {
	ref := &Ref{}
	if err := r.collect(k, ref, make(map[Key]bool)); err != nil {
		return nil, err
	}
	for _, e := range ref.held {
		e.refs++
	}
	return ref, nil
}

// collect gathers k and its needs into ref, k first. seen ends cycles.
func (r *Registry) collect(k Key, ref *Ref, seen map[Key]bool) error {
	if seen[k] {
		return nil
	}
	seen[k] = true
	e, ok := r.components[k]
	if !ok {
		return fmt.Errorf("%v: %w", k, ErrNotFound)
	}
	ref.held = append(ref.held, e)
	for _, n := range e.Needs {
		if err := r.collect(n, ref, seen); err != nil {
			return fmt.Errorf("needed by %v: %w", k, err)
		}
	}
	return nil
}

// Components lists what is registered, by name and then version.
func (r *Registry) Components() []Component {
	list := make([]Component, 0, len(r.components))
	for _, e := range r.components {
		list = append(list, e.Component)
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].Name != list[j].Name {
			return list[i].Name < list[j].Name
		}
		return list[i].Version < list[j].Version
	})
	return list
}

// Ref is a counted reference to a component. It is released once.
type Ref struct {
	held []*entry
}

// Key is the component that was asked for.
func (r *Ref) Key() Key { return r.held[0].Key }

// Release gives the reference back. Repeated calls do nothing.
func (r *Ref) Release() {
	for _, e := range r.held {
		e.refs--
	}
	r.held = r.held[:0]
}

// Constructor returns the component's constructor as the type T that the asker knows. Errors: ErrWrongType.
func Constructor[T any](r *Ref) (T, error) {
	f, ok := r.held[0].New.(T)
	if !ok {
		return f, fmt.Errorf("%v: %w: %T, wanted %T", r.Key(), ErrWrongType, r.held[0].New, f)
	}
	return f, nil
}

package manifest

import (
	"fmt"

	"github.com/pks-community/pks-release/src/local/director/fault"
)

// missing is the Director's complaint about an absent field.
func missing(key string, in *Map) error {
	return fault.New(fault.MissingField, "Required property '%s' was not specified in object (%s)", key, Inspect(in))
}

// wrongType is its complaint about a value of another type.
func wrongType(key string, value any, wanted string) error {
	return fault.New(fault.WrongType, "Property '%s' value (%s) did not match the required type '%s'", key, Inspect(value), wanted)
}

// text reads a text. Numbers count as texts where BOSH says so, for versions and names.
func text(m *Map, key string) (string, error) {
	switch value := m.Get(key).(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	case int, float64:
		return fmt.Sprint(value), nil
	default:
		return "", wrongType(key, value, "String")
	}
}

func requiredText(m *Map, key string) (string, error) {
	if m.Get(key) == nil {
		return "", missing(key, m)
	}
	return text(m, key)
}

func number(m *Map, key string) (int, error) {
	switch value := m.Get(key).(type) {
	case nil:
		return 0, nil
	case int:
		return value, nil
	default:
		return 0, wrongType(key, value, "Integer")
	}
}

func requiredNumber(m *Map, key string) (int, error) {
	if m.Get(key) == nil {
		return 0, missing(key, m)
	}
	return number(m, key)
}

func flag(m *Map, key string, absent bool) (bool, error) {
	switch value := m.Get(key).(type) {
	case nil:
		return absent, nil
	case bool:
		return value, nil
	default:
		return false, wrongType(key, value, "Boolean")
	}
}

func object(m *Map, key string) (*Map, error) {
	switch value := m.Get(key).(type) {
	case nil:
		return nil, nil
	case *Map:
		return value, nil
	default:
		return nil, wrongType(key, value, "Hash")
	}
}

func requiredObject(m *Map, key string) (*Map, error) {
	if m.Get(key) == nil {
		return nil, missing(key, m)
	}
	return object(m, key)
}

func list(m *Map, key string) ([]any, error) {
	switch value := m.Get(key).(type) {
	case nil:
		return nil, nil
	case []any:
		return value, nil
	default:
		return nil, wrongType(key, value, "Array")
	}
}

// objects reads a list of maps.
func objects(m *Map, key string) ([]*Map, error) {
	items, err := list(m, key)
	if err != nil {
		return nil, err
	}
	maps := make([]*Map, len(items))
	for i, item := range items {
		entry, ok := item.(*Map)
		if !ok {
			return nil, wrongType(key, item, "Hash")
		}
		maps[i] = entry
	}
	return maps, nil
}

func requiredObjects(m *Map, key string) ([]*Map, error) {
	if m.Get(key) == nil {
		return nil, missing(key, m)
	}
	return objects(m, key)
}

// texts reads a list of texts.
func texts(m *Map, key string) ([]string, error) {
	items, err := list(m, key)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, item := range items {
		switch item := item.(type) {
		case string:
			out = append(out, item)
		case int, float64:
			out = append(out, fmt.Sprint(item))
		default:
			return nil, wrongType(key, item, "String")
		}
	}
	return out, nil
}

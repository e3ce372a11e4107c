package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type memory map[string][]byte

func (m memory) put(key string, body io.Reader) error {
	content, err := io.ReadAll(body)
	if err == nil {
		m[key] = content
	}
	return err
}

func (m memory) get(key string) (io.ReadCloser, error) {
	content, found := m[key]
	if !found {
		return nil, errors.New("no such key " + key)
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

func (m memory) remove(key string) error {
	delete(m, key)
	return nil
}

func newSnapshotter(t *testing.T) (*snapshotter, memory) {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	objects := memory{}
	return &snapshotter{log: log, store: store{objects: objects, prefix: "volumes/a"}, root: filepath.Join(t.TempDir(), "root")}, objects
}

func newVolume(t *testing.T) string {
	t.Helper()
	volume := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(volume, "data", "empty"), 0o750),
		os.WriteFile(filepath.Join(volume, "data", "table"), bytes.Repeat([]byte("row "), 100_000), 0o640),
		os.WriteFile(filepath.Join(volume, "read-only"), nil, 0o400),
		os.Symlink("data/table", filepath.Join(volume, "link")),
		os.Symlink("/outside", filepath.Join(volume, "absolute-link")),
		os.Chmod(filepath.Join(volume, "data"), 0o550),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return volume
}

var tags = map[string]string{"velero.io/pv": "pv-1", "velero.io/backup": "daily-1"}

func TestVolumeComesBackInANewDirectory(t *testing.T) {
	s, objects := newSnapshotter(t)
	volume := newVolume(t)
	id, err := s.CreateSnapshot(volume, "", tags)
	if err != nil {
		t.Fatal(err)
	}
	for key := range objects {
		if !strings.HasPrefix(key, "volumes/a/pv-1-") {
			t.Errorf("unexpected key %s", key)
		}
	}
	restored, err := s.CreateVolumeFromSnapshot(id, "directory", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(restored, "link"))
	if err != nil || len(got) != 400_000 {
		t.Errorf("read %d bytes through the link: %v", len(got), err)
	}
	for name, mode := range map[string]os.FileMode{"data": 0o550, "data/empty": 0o750, "data/table": 0o640, "read-only": 0o400} {
		before, _ := os.Stat(filepath.Join(volume, name))
		after, err := os.Stat(filepath.Join(restored, name))
		if err != nil || after.Mode().Perm() != mode || !after.ModTime().Equal(before.ModTime()) {
			t.Errorf("%s: %v %v", name, after, err)
		}
	}
	if _, err := s.CreateVolumeFromSnapshot(id, "directory", "", nil); err != nil {
		t.Errorf("a second restore: %v", err)
	}
}

func TestDamagedSnapshotLeavesNothing(t *testing.T) {
	damage := map[string]func(objects memory, id string){
		"truncated":   func(o memory, id string) { o[id+"/volume.tar.gz"] = o[id+"/volume.tar.gz"][:100] },
		"empty":       func(o memory, id string) { o[id+"/volume.tar.gz"] = nil },
		"no archive":  func(o memory, id string) { delete(o, id+"/volume.tar.gz") },
		"no manifest": func(o memory, id string) { delete(o, id+"/manifest.json") },
		"other bytes": func(o memory, id string) {
			o[id+"/manifest.json"] = bytes.Replace(o[id+"/manifest.json"], []byte(`"files": 2`), []byte(`"files": 3`), 1)
		},
	}
	for name, act := range damage {
		t.Run(name, func(t *testing.T) {
			s, objects := newSnapshotter(t)
			id, err := s.CreateSnapshot(newVolume(t), "", tags)
			if err != nil {
				t.Fatal(err)
			}
			act(objects, "volumes/a/"+id)
			if restored, err := s.CreateVolumeFromSnapshot(id, "directory", "", nil); err == nil {
				t.Errorf("restored %s", restored)
			}
			if left, _ := os.ReadDir(s.root); len(left) != 0 {
				t.Errorf("left behind %v", left)
			}
		})
	}
}

func TestMissingVolumeIsAnError(t *testing.T) {
	s, objects := newSnapshotter(t)
	if id, err := s.CreateSnapshot("/no/such/volume", "", tags); err == nil || len(objects) != 0 {
		t.Errorf("got %q, %v, %d objects", id, err, len(objects))
	}
}

func TestVolumeID(t *testing.T) {
	s, _ := newSnapshotter(t)
	for kind, want := range map[string]string{"hostPath": "/old", "local": "/old", "nfs": "", "csi": "/old", "csi of another driver": ""} {
		source := map[string]any{"path": "/old"}
		if strings.HasPrefix(kind, "csi") {
			source = map[string]any{"driver": map[bool]string{true: csiDriver, false: "ebs.csi.aws.com"}[kind == "csi"], "volumeHandle": "/old"}
		}
		spec := map[string]any{strings.Split(kind, " ")[0]: source}
		pv := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
		if got, err := s.GetVolumeID(pv); err != nil || got != want {
			t.Errorf("%s: %q, %v", kind, got, err)
		}
		set, err := s.SetVolumeID(pv, "/new")
		if (err != nil) != (want == "") {
			t.Errorf("%s: %v", kind, err)
		}
		if err == nil {
			if got, _ := s.GetVolumeID(set); got != "/new" {
				t.Errorf("%s: %q", kind, got)
			}
		}
	}
}

func TestSettings(t *testing.T) {
	good := func() map[string]string {
		return map[string]string{"bucket": "b", "prefix": "/volumes/a/", "region": "r", "root": "/srv"}
	}
	if got, err := parseSettings(good()); err != nil || got.prefix != "volumes/a" {
		t.Errorf("%+v, %v", got, err)
	}
	for key, value := range map[string]string{"bucket": "", "prefix": "/", "region": "", "root": "relative", "typo": "x"} {
		config := good()
		config[key] = value
		if _, err := parseSettings(config); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%q: %v", key, value, err)
		}
	}
}

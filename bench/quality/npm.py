"""Packages of the npm registry, fetched once into the cache. Nothing of them enters the repository or the app."""
import subprocess
import tarfile


def package(cache, name, version):
    """The unpacked package as a folder."""
    folder = cache / 'npm' / f"{name.split('/')[-1]}-{version}"
    if not (folder / 'package.json').exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        command = ['npm', 'pack', '--silent', f'{name}@{version}']
        packed = subprocess.run(command, cwd=folder.parent, check=True, capture_output=True, text=True)
        archive = folder.parent / packed.stdout.split()[-1]
        with tarfile.open(archive) as tar:
            tar.extractall(folder.parent / 'unpacking', filter='data')
        (folder.parent / 'unpacking' / 'package').rename(folder)
        archive.unlink()
    return folder

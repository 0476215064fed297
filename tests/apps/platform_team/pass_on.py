import shutil

shutil.copytree("/opt/ml/processing/input", "/opt/ml/processing/output", dirs_exist_ok=True)
print("copied")
